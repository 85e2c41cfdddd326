"""python -m disentanglement.reproduce: from a config to published evidence, in slices of time.

Trains runs of an experiment at the length of its config, scores them, and puts what is worth
publishing into DIR/records/: records, pictures and weight files. What a slice of time could not
finish, the same command goes on with.
"""

import argparse
import logging
import math
import shutil
import signal
import time
from pathlib import Path

from disentanglement import console, records
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.evaluation import final_metrics, table
from disentanglement.experiments import cli
from disentanglement.experiments.load import load
from disentanglement.experiments.runs import RunFolder, together
from disentanglement.training import weights

log = logging.getLogger(__name__)

TIME_IS_UP = 75  # exit status: run the same command again (EX_TEMPFAIL of sysexits.h)
_PUBLISHED = (records.FILE, "metric.csv", "traversal.png", "final_metrics*.json")


class TimeIsUp(KeyboardInterrupt):
    """The slice is over; whatever runs treats it as Ctrl-C."""


def main(arguments: list[str] | None = None) -> int:
    """The command: 0 all is done, 1 a run failed, 2 a mistake, 75 time is up, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.reproduce",
        description="Train and score runs of an experiment and keep records and weights, in slices "
        "of time. Exit status: 0 all is done, 1 a run failed, 2 a mistake, 75 time is up (the same "
        "command goes on), 130 Ctrl-C.",
    )
    parser.add_argument("--experiment", required=True, type=Path, help="its folder")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="all goes there")
    parser.add_argument("--runs", metavar="0,3-5", help="only runs with these numbers")
    parser.add_argument("--minutes", type=_positive, help="stop so many minutes after the start")
    parser.add_argument(
        "--reserve",
        type=_positive,
        default=60,
        metavar="SECONDS",
        help="stop training so much earlier, for the evaluation and the checkpoint that may be due "
        "(default: 60)",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="(default: its config.py)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--stack", type=console.at_least(1), default=1, metavar="N", help="as in main.py"
    )
    parser.add_argument(
        "--curves",
        action="store_true",
        help="score and draw during training as often as the config says; otherwise at the ends of "
        "epochs only, which makes the same models sooner",
    )
    options = parser.parse_args(arguments)
    start = time.monotonic()
    return console.run_command(lambda: _main(options, start))


def _main(options, start):
    if options.minutes and 60 * options.minutes <= options.reserve:
        raise UserError(
            f"--minutes {options.minutes:g} is no longer than --reserve {options.reserve:g} seconds"
        )
    experiment = load(options.experiment)
    config = (options.config or experiment.folder / "config.py").resolve()
    # An epoch has fewer batches than there are images: nothing is due within it.
    never = experiment.num_images
    rare = [] if options.curves else [f"{key}={never}" for key in ("metric_freq", "vis_freq")]
    changes = [*rare, *options.set, "result_root_folder=runs"]
    chosen = experiment.grid(config, changes)
    chosen = chosen.select(options.runs)
    out = options.out.resolve()
    runs = [RunFolder(out, chosen.scheduler, task) for task in chosen.tasks]
    console.log_to([out / "reproduce.log"])
    failed, clock = [], _Clock(start, options.minutes)
    try:
        with clock:
            for stack in together(runs, options.stack):
                _train(experiment, stack, clock, options.reserve)
                clock.set(0)
                failed += [run for run in stack if not _score_and_publish(experiment, run, out)]
        status = 1 if failed else 0
    except KeyboardInterrupt:
        status = TIME_IS_UP if clock.is_up() else console.STOPPED
    _summary(runs, failed, out)
    if status in (TIME_IS_UP, console.STOPPED):
        why = "time is up" if status == TIME_IS_UP else "stopped"
        log.info("%s; the same command goes on from what is saved", why)
    return status


class _Clock:
    """Ends the work in time, by the process's alarm."""

    def __init__(self, start: float, minutes: float | None):
        self.end = math.inf if minutes is None else start + 60 * minutes
        self.reserve = 0.0

    def __enter__(self):
        self.old = signal.signal(signal.SIGALRM, self._ring)

    def __exit__(self, *error):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.old)

    def set(self, reserve: float) -> None:
        """Ring so many seconds before the end, and at the end. Raises TimeIsUp if it is too late.

        Training saves and stops at the first ring; at the second one it is cut off.
        """
        self.reserve = reserve
        if self.is_up():
            raise TimeIsUp
        left = self.end - reserve - time.monotonic()
        # And again, until it is heard: an exception within a destructor is lost.
        signal.setitimer(signal.ITIMER_REAL, 0 if math.isinf(left) else left, reserve or 1)

    def is_up(self) -> bool:
        return time.monotonic() >= self.end - self.reserve

    @staticmethod
    def _ring(number, frame):
        raise TimeIsUp


def _train(experiment, runs, clock, reserve):
    """Train those runs of a stack that need it; if that fails, each by itself."""
    todo = [run for run in runs if not run.is_trained()]
    alone = [[run] for run in todo] if len(todo) > 1 else []
    clock.set(reserve)
    for group in (todo, *alone):
        group = [run for run in group if not run.is_trained()]
        if group:
            log.info("training %s", " and ".join(run.task.name for run in group))
            tasks, folders = [run.task for run in group], [run.path for run in group]
            _run_logged(lambda t=tasks, f=folders: cli.train_runs(experiment, t, f))


def _score_and_publish(experiment, run, out):
    """Score and publish a trained run unless that is done; return whether all is well."""
    records_folder, config = out / "records" / run.task.name, run.task.config
    if not run.is_trained():
        return False
    lists = experiment.metrics()
    metrics = lists.available(lists.final, lambda line: None)
    names = (records.FILE, *final_metrics.checkpoints(run.path, config))
    scored = final_metrics.is_done(run.path, metrics, config)
    if scored and all(_same(run.path / name, records_folder / name) for name in names):
        return True
    log.info("scoring %s", run.task.name)

    def score_and_publish():
        experiment.score(config, run.path)
        publish(run, records_folder)

    return _run_logged(score_and_publish)


def _same(one, other):
    return other.exists() and one.read_bytes() == other.read_bytes()


def publish(run: RunFolder, records: Path) -> None:
    """Put what is worth keeping of a scored run into the folder `records`, in place of what it
    holds: records, pictures, and weights instead of checkpoints, every file under 16 MB.
    """
    fresh = records.with_name(f".{records.name}.partial")
    with os_errors_in_one_line(records):
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for pattern in _PUBLISHED:
            for path in run.path.glob(pattern):
                if ".old-" not in path.name:
                    shutil.copyfile(path, fresh / path.name)
        for path in final_metrics.checkpoints(run.path, run.task.config).values():
            snapshot = path.parent.name if path.parent.name.startswith("global_id-") else ""
            weights.publish(path, fresh / "weights" / snapshot)
        if records.exists():
            shutil.rmtree(records)
        fresh.rename(records)


def _run_logged(job):
    """Run `job`, log any error, and return whether it succeeded. Stopping it goes through."""
    status = console.run_logged(job)
    if status == console.STOPPED:
        raise KeyboardInterrupt
    return status == 0


def _summary(runs, failed, out):
    for run in runs:
        state = run.record().get("state", "new")
        if state == "finished" and (out / "records" / run.task.name).exists():
            state = "scored"
        log.info("  %-8s  %s", "failed" if run in failed else state, run.path)
    if any((out / "records").glob("*/final_metrics*.json")):
        print(table.as_text(table.compare(table.find_records([out / "records"]))))


def _positive(text):
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value
