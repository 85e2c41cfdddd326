"""The command `python -m disentanglement.reproduce`: from a config to publishable results.

Trains the runs of a config, scores them, and collects what is worth publishing in DIR/records/:
records, pictures and weights. --minutes limits the time it takes; the same command resumes.
"""

import argparse
import logging
import math
import shutil
import signal
import time
from pathlib import Path

from disentanglement import checksums, console, records
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.evaluation import final_metrics, latent_trans, table
from disentanglement.experiments import cli, states
from disentanglement.experiments.load import load
from disentanglement.experiments.runs import RunFolder, group_runs
from disentanglement.training import overlays, weights

log = logging.getLogger(__name__)

TIME_IS_UP = 75  # exit status: run the same command again (EX_TEMPFAIL in sysexits.h)
_PUBLISHED = (
    records.FILE,
    "metric.csv",
    "traversal.png",
    overlays.FILE,
    "final_metrics*.json",
    f"{latent_trans.FOLDER}/{latent_trans.OVERVIEW}",
)


class TimeIsUp(KeyboardInterrupt):
    """The time is up; training and scoring treat this like Ctrl-C."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status, which the --help text explains."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.reproduce",
        description="Train and score the runs of an experiment and collect records and weights. "
        "Exit status: 0 all done, 1 a run failed, 2 a mistake in the command or config, 75 time is "
        "up (run the same command again to resume), 130 Ctrl-C.",
    )
    parser.add_argument("--experiment", type=Path, help="its folder or name")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for all output")
    parser.add_argument("--runs", metavar="0,3-5", help="only runs with these numbers")
    parser.add_argument("--minutes", type=_positive, help="stop after this many minutes")
    parser.add_argument(
        "--reserve",
        type=_positive,
        default=60,
        metavar="SECONDS",
        help="stop training this much earlier, to leave time for an evaluation and a checkpoint "
        "(default: 60)",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the grid (default: the experiment's config.py)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as in main.py"
    )
    parser.add_argument(
        "--stack", type=console.at_least(1), default=1, metavar="N", help="as in main.py"
    )
    parser.add_argument(
        "--curves",
        action="store_true",
        help="score and draw during training as often as the config says, not only at the ends of "
        "epochs; the models are the same, but take longer",
    )
    parser.add_argument(
        "--verify",
        type=Path,
        metavar="RESULTS",
        help="train nothing: score the published models in this folder anew from their weights, "
        "redraw their traversals, and compare; exit status 1 if anything differs",
    )
    parser.add_argument(
        "--fast", action="store_true", help="with --verify: no metrics that took over a minute"
    )
    options = parser.parse_args(arguments)
    if options.verify:
        return console.run_command(lambda: _verify(options), stopped="stopped")
    if not (options.experiment and options.out):
        parser.error("--experiment and --out are needed (or --verify)")
    start = time.monotonic()
    return console.run_command(lambda: _main(options, start))


def _verify(options: argparse.Namespace) -> int:
    from disentanglement.experiments import verify  # imports Keras

    wrong = verify.verify(options.verify, options.fast, options.experiment)
    return console.FAILED if wrong else 0


def _main(options, start):
    console.check_platform()
    if options.minutes and 60 * options.minutes <= options.reserve:
        raise UserError(
            f"--minutes {options.minutes:g} is no longer than --reserve {options.reserve:g} "
            "seconds: raise --minutes"
        )
    experiment = load(options.experiment)
    config = (options.config or experiment.folder / "config.py").resolve()
    overrides = [*options.set, "result_root_folder=runs"]
    if not options.curves:
        # An epoch has at most this many batches, so nothing is due within it.
        never = experiment.num_images
        overrides = [f"metric_freq={never}", f"vis_freq={never}", *overrides]
    chosen = experiment.grid(config, overrides).select(options.runs)
    out = options.out.resolve()
    runs = [RunFolder(out, chosen.scheduler, task) for task in chosen.tasks]
    for run in runs:
        if not run.is_trained():
            experiment.find(run.task.config)  # once, not in every run
    console.log_to([out / "reproduce.log"])
    failed, clock = [], _Clock(start, options.minutes)
    try:
        with clock:
            for stack in group_runs(runs, options.stack):
                _train(experiment, stack, clock, options.reserve)
                clock.set(0)
                failed += [run for run in stack if not _score_and_publish(experiment, run, out)]
        status = 1 if failed else 0
    except KeyboardInterrupt:
        status = TIME_IS_UP if clock.is_up() else console.STOPPED
    _summary(experiment, runs, failed, out)
    if status in (TIME_IS_UP, console.STOPPED):
        why = "time is up" if status == TIME_IS_UP else "stopped"
        log.info("%s; run the same command again to resume", why)
    return status


class _Clock:
    """Interrupts this process when its time is up, with SIGALRM."""

    def __init__(self, start: float, minutes: float | None):
        self.end = math.inf if minutes is None else start + 60 * minutes
        self.reserve = 0.0

    def __enter__(self):
        self.old = signal.signal(signal.SIGALRM, self._ring)

    def __exit__(self, *error):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.old)

    def set(self, reserve: float) -> None:
        """Schedule an alarm `reserve` seconds before the deadline, and another at it.

        The first makes training save and stop; the second interrupts it.

        Raises:
            TimeIsUp: The first alarm is already overdue.
        """
        self.reserve = reserve
        if self.is_up():
            raise TimeIsUp
        left = self.end - reserve - time.monotonic()
        # Repeated, because Python discards an exception that is raised inside a destructor.
        signal.setitimer(signal.ITIMER_REAL, 0 if math.isinf(left) else left, reserve or 1)

    def is_up(self) -> bool:
        return time.monotonic() >= self.end - self.reserve

    @staticmethod
    def _ring(number, frame):
        raise TimeIsUp


def _train(experiment, runs, clock, reserve):
    """Train the unfinished runs of a stack together; if that fails, one by one."""
    todo = [run for run in runs if not run.is_trained()]
    singles = [[run] for run in todo] if len(todo) > 1 else []
    clock.set(reserve)
    for group in (todo, *singles):
        group = [run for run in group if not run.is_trained()]
        if group:
            log.info("training %s", " and ".join(run.task.name for run in group))
            tasks, folders = [run.task for run in group], [run.path for run in group]
            _run_logged(lambda t=tasks, f=folders: cli.train_runs(experiment, t, f))


def _score_and_publish(experiment, run, out):
    """Score and publish a trained run, unless done already; return whether it succeeded."""
    records_folder, config = out / "records" / run.task.name, run.task.config
    if not run.is_trained():
        return False
    lists = experiment.metric_lists(config)
    metrics = lists.available(lists.final, lambda line: None)
    names = (records.FILE, *final_metrics.checkpoints(run.path, config))
    scored = final_metrics.is_done(run.path, metrics, config)
    drawn = not experiment.draws_traversals or latent_trans.is_done(run.path)
    if scored and drawn and all(_same(run.path / name, records_folder / name) for name in names):
        return True
    log.info("scoring %s", run.task.name)

    def score_and_publish():
        experiment.score(config, run.path)
        if experiment.draws_traversals:
            experiment.draw_traversals(config, run.path)
        publish(run, records_folder, experiment.folder.name)

    return _run_logged(score_and_publish)


def _same(one, other):
    return other.exists() and one.read_bytes() == other.read_bytes()


def publish(run: RunFolder, folder: Path, experiment: str) -> None:
    """Replace `folder` with what is worth keeping of a scored run.

    These are records, pictures and, instead of checkpoints, weights; every file is under 16 MB.
    `pretrained.load` reads such a folder.

    Args:
        run: The run.
        folder: Where to publish it.
        experiment: The name of the experiment's folder.
    """
    fresh = folder.with_name(f".{folder.name}.partial")
    with os_errors_in_one_line(folder):
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for pattern in _PUBLISHED:
            for path in run.path.glob(pattern):
                if ".old-" not in path.name:
                    target = fresh / path.relative_to(run.path)
                    target.parent.mkdir(exist_ok=True)
                    shutil.copyfile(path, target)
        for path in final_metrics.checkpoints(run.path, run.task.config).values():
            snapshot = path.parent.name if path.parent.name.startswith("global_id-") else ""
            weights.publish(path, fresh / "weights" / snapshot, experiment=experiment)
        checksums.write(fresh)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.rename(folder)


def _run_logged(job):
    """Run `job`, log any error, and return whether it succeeded. KeyboardInterrupt passes."""
    status = console.run_logged(job)
    if status == console.STOPPED:
        raise KeyboardInterrupt
    return status == 0


def _summary(experiment, runs, failed, out):
    for run in runs:
        state = states.of(run, experiment.num_images_of(run.task.config))
        label, note = state.name, state.detail
        if state.name in states.TRAINED:
            published = (out / "records" / run.task.name).exists()
            label, note = (states.SCORED, "") if published else (states.FINISHED, "not scored")
        if run in failed and state.name in states.TRAINED:
            note = "scoring failed, see reproduce.log"
        log.info("  %s", "  ".join(filter(None, (f"{label:11}", str(run.path), note))))
    if any((out / "records").glob("*/final_metrics*.json")):
        print(table.as_text(table.compare(table.find_records([out / "records"]))))


def _positive(text):
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return value
