"""The command lines of an experiment's scripts, for a grid (main*.py) or one run (*_task*.py)."""

import argparse
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from disentanglement import console, records, threads
from disentanglement.errors import FolderInUse, TrainingStopped, UserError
from disentanglement.evaluation import final_metrics, protocols
from disentanglement.experiments import comparing, dispatch, grid, jobs, parent, requirements
from disentanglement.experiments.comparing_published import compare as compare_published
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.load import load
from disentanglement.experiments.runs import RunFolder, differing_keys
from disentanglement.training import activity, checkpoint

log = logging.getLogger(__name__)

Arguments = list[str] | None  # of the command line; None: sys.argv


def main(folder: Path, arguments: Arguments = None) -> int:
    """Run main.py: train every run of a grid. Return the exit status."""
    return _grid_command(folder, jobs.Training, arguments)


def main_final_metrics(folder: Path, arguments: Arguments = None) -> int:
    """Run main_final_metrics.py: score every trained run of a grid. Return the exit status."""
    return _grid_command(folder, jobs.Scoring, arguments)


def main_model_centrality(folder: Path, arguments: Arguments = None) -> int:
    """Run main_model_centrality.py: choose one of a grid's trained runs without labels."""
    return _grid_command(folder, comparing.Comparing, arguments)


def main_latent_trans(folder: Path, arguments: Arguments = None) -> int:
    """Run main_generate_latent_trans.py: draw the latent traversals of every trained run."""
    return _grid_command(folder, jobs.DrawingTraversals, arguments)


def task(folder: Path, arguments: Arguments = None) -> int:
    """Run <task>.py: train one run of the grid, or several at once. Return the exit status."""

    def train(experiment: Experiment, tasks: list[grid.Task], folders: list[Path]) -> None:
        for path in folders:
            log.info("training in %s", path)
        left = [
            requirements.Left(task.config, path, checkpoint.batches(path / "checkpoint"))
            for task, path in zip(tasks, folders, strict=True)
        ]
        for line in requirements.warnings(experiment, left):
            log.warning(line)
        train_runs(experiment, tasks, folders)
        names = ", ".join(map(str, folders))
        log.info("finished; the scores, the picture and the networks are in %s", names)

    return _run_command(folder, "Train", activity.TRAINING, train, arguments, trains=True)


def task_final_metrics(folder: Path, arguments: Arguments = None) -> int:
    """Run <task>_final_metrics.py: score one trained run. Return the exit status."""

    def score(
        experiment: Experiment, tasks: list[grid.Task], folders: list[Path], protocol: str
    ) -> None:
        log.info("scoring %s", folders[0])
        experiment.score(tasks[0].config, folders[0], protocol)
        log.info("scored; see %s", folders[0])

    check = final_metrics.check_trained
    return _run_command(folder, "Score", activity.SCORING, score, arguments, check, scores=True)


def task_model_centrality(folder: Path, arguments: Arguments = None) -> int:
    """Run <task>_model_centrality.py: do one run's part of choosing a run without labels."""

    def compare(
        experiment: Experiment,
        tasks: list[grid.Task],
        folders: list[Path],
        options: argparse.Namespace,
    ) -> None:
        scheduler = experiment.grid(options.config, options.set).scheduler
        run = RunFolder(experiment.folder, scheduler, tasks[0])
        comparing.compare_run(experiment, run, options)

    verb, check = "Compare others with", final_metrics.check_trained
    return _run_command(folder, verb, activity.SCORING, compare, arguments, check, compares=True)


def task_latent_trans(folder: Path, arguments: Arguments = None) -> int:
    """Run <task>_generate_latent_trans.py: draw one run's latent traversals."""

    def draw(experiment: Experiment, tasks: list[grid.Task], folders: list[Path]) -> None:
        log.info("drawing the latent traversals of %s", folders[0])
        experiment.draw_traversals(tasks[0].config, folders[0])
        log.info("drawn; see latent_trans/ in %s", folders[0])

    verb, check = "Draw the latent traversals of", final_metrics.check_trained
    return _run_command(folder, verb, activity.DRAWING, draw, arguments, check)


def train_runs(experiment: Experiment, tasks: Sequence[grid.Task], folders: list[Path]) -> None:
    """Train one run in its folder, or several at once; see `Experiment.train`."""
    first = tasks[0]
    for other in tasks[1:]:
        if keys := differing_keys(first, other):
            raise UserError(
                f"runs that train together may differ only in 'run', but {first.name} and "
                f"{other.name} differ in '{keys[0]}'"
            )
    try:
        experiment.train([task.config for task in tasks], folders)
    except (TrainingStopped, FolderInUse):
        raise
    except Exception as error:
        for path in folders:
            records.note_failure(path, error)
        raise


def _grid_command(folder: Path, job_type: type[jobs.Job], arguments: Arguments) -> int:
    parser = _parser(folder, job_type.help)
    parser.add_argument("--list", action="store_true", help="print the run folders and stop")
    parser.add_argument("--runs", metavar="0,3-5", help="only runs with these numbers")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done and stop")
    parser.add_argument(
        "--status", action="store_true", help="show the state of every run and what comes next"
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON, for scripts")
    parser.add_argument(
        "--launcher",
        type="launcher={}".format,
        action="append",
        dest="set",
        metavar="NAME",
        help="where runs go: local (default), slurm or ray; the same as --set launcher=NAME",
    )
    parser.add_argument(
        "--cancel", action="store_true", help="end the jobs that a launcher has submitted, and stop"
    )
    parser.set_defaults(stack=1)
    if issubclass(job_type, jobs.Training):
        _add_no_metrics(parser)
    if issubclass(job_type, jobs.Scoring):
        _add_protocol(parser)
    job_type.add_options(parser)
    if job_type.can_stack:
        parser.add_argument(
            "--stack",
            type=console.at_least(1),
            metavar="N",
            help="train N runs at once on one accelerator, if they differ only in `run` (JAX)",
        )
    options = parser.parse_args(arguments)

    def run() -> int:
        console.check_platform()
        threads.limit(options.threads)  # the tasks inherit it
        experiment = load(folder)
        if options.list or options.status or options.json:
            experiment = replace(experiment, data_may_be_missing=True)
        job = job_type(experiment)
        if isinstance(job, jobs.Scoring):
            job.protocol = options.protocol
        if getattr(options, "records", None):
            return compare_published(job.experiment, options)
        job.configure(options)
        return dispatch.run_grid(job.experiment, job, options)

    return console.run_command(run)


def _run_command(
    folder: Path,
    verb: str,
    doing: str,
    process: Callable[..., None],
    arguments: Arguments,
    check: Callable[[Path], None] = lambda folder: None,
    trains: bool = False,
    scores: bool = False,
    compares: bool = False,
) -> int:
    """Run `process` on the runs that the command line names; return the exit status.

    Args:
        folder: The experiment's folder.
        verb: What the command does to a run, for --help.
        doing: The same for others who ask, see `activity.claim`.
        process: Called with the experiment, the runs and their folders, and with the protocol if
            the command scores.
        arguments: The command line.
        check: Raises UserError if a run's folder is not ready.
        trains: Whether the command trains, which it can do to several runs at once.
        scores: Whether it scores, by a protocol.
        compares: Whether it compares runs; `process` is then called with all options, too.
    """
    parser = _parser(folder, f"{verb} one run of a config's grid.")
    parser.add_argument(
        "run",
        nargs="*" if trains else "?",
        help="its folder name, as main.py --list prints it, or its number in that list, from 0"
        + ("; several runs train together (JAX)" if trains else ""),
    )
    if trains:
        _add_no_metrics(parser)
    if scores:
        _add_protocol(parser)
    if compares:
        comparing.add_task_options(parser)
    parser.add_argument(
        "--work-dir", type=Path, help="use this folder instead of the run's folder in results/"
    )
    options = parser.parse_args(arguments)

    def run() -> int:
        console.check_platform()
        parent.stop_when_it_ends()
        threads.limit(options.threads)
        experiment = load(folder)
        chosen = experiment.grid(options.config, options.set)
        names = options.run if isinstance(options.run, list) else [options.run]
        tasks = [_find(chosen, name) for name in names or [None]]
        folders = [RunFolder(experiment.folder, chosen.scheduler, task).path for task in tasks]
        if options.work_dir:
            if len(tasks) > 1:
                raise UserError("--work-dir is for one run: leave it out")
            folders = [options.work_dir.resolve()]
        for path in folders:
            check(path)
        with contextlib.ExitStack() as stack:
            for path in folders:  # before anything is written there
                stack.enter_context(activity.claim(path, doing))
            console.log_to(path / chosen.scheduler.log_file for path in folders)
            more = (options,) if compares else (options.protocol,) if scores else ()
            return console.run_logged(lambda: process(experiment, tasks, folders, *more))

    return console.run_command(run)


def _parser(folder, description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--config",
        type=lambda name: Path(name).resolve(),
        default=Path(folder).resolve() / "config.py",
        metavar="FILE",
        help="the grid (default: config.py)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the config, e.g. --set batch_size=32; can be repeated",
    )
    parser.add_argument(
        "--threads",
        type=console.at_least(1),
        metavar="N",
        help="use at most N CPU threads for each run (default: one per core)",
    )
    return parser


def _add_no_metrics(parser):
    parser.add_argument(
        "--no-metrics",
        action="append_const",
        dest="set",
        const="metric_freq=0",
        help="compute no scores during training: the same as --set metric_freq=0",
    )


def _add_protocol(parser):
    parser.add_argument(
        "--protocol",
        choices=protocols.NAMES,
        default=protocols.PAPER,
        help="the metrics' protocol: paper (default), dlib (disentanglement_lib's) or infomec; the "
        "scores of the last two are in final_metrics_dlib.json and final_metrics_infomec.json",
    )


def _find(chosen: grid.Grid, name: str | None) -> grid.Task:
    if name is None:
        return chosen.tasks[0]
    for number, task in enumerate(chosen.tasks):
        if name in (task.name, str(number)):
            return task
    raise UserError(f"no run '{name}' in {chosen.path}; main.py --list shows them")
