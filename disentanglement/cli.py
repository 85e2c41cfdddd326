"""The command lines of the experiments: main.py (a grid) and a task script (one run)."""

import argparse
import contextlib
import logging
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from disentanglement import grid, launch, record
from disentanglement.config import changed_keys
from disentanglement.errors import TrainingStopped, UserError, from_os_error, os_errors_in_one_line

log = logging.getLogger(__name__)

_LOG_LINES = 5  # of worker.log, shown of a failed run


@dataclass(frozen=True)
class Experiment:
    """What the commands need to know of an experiment.

    folder: where its scripts are; relative paths in its config start there. task: the script that
    trains one run. schema: the dataclass of its config keys. num_images: size of its data set.
    """

    folder: Path
    task: str
    schema: type
    num_images: int


def main(experiment: Experiment, arguments: list[str] | None = None) -> int:
    """main.py: train every run of a grid. Returns the exit status."""
    parser = _parser(experiment, "Train every run of a config's grid.")
    parser.add_argument("--list", action="store_true", help="print the run folders and stop")
    parser.add_argument("--runs", metavar="0,3-5", help="only runs with these numbers")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and stop")
    options = parser.parse_args(arguments)
    return _answer(lambda: _main(experiment, options))


def task(experiment: Experiment, train: Callable, arguments: list[str] | None = None) -> int:
    """A task script: train one run of the grid, `train(config, work_dir)`."""
    parser = _parser(experiment, "Train one run of a config's grid.")
    parser.add_argument(
        "run", nargs="?", help="its folder name as in main.py --list, or its line number from 0"
    )
    parser.add_argument(
        "--work-dir", type=Path, help="train here instead of in the run's folder of the results"
    )
    options = parser.parse_args(arguments)
    return _answer(lambda: _task(experiment, options, train))


def _main(experiment, options):
    tasks = _load(experiment, options).select(options.runs)
    if options.list:
        print("\n".join(task.name for task in tasks.tasks))
        return 0
    runs = [_Run(experiment.folder, tasks.scheduler, task) for task in tasks.tasks]
    gpus = launch.usable_gpus(tasks.scheduler)
    where = f"GPUs {', '.join(gpus)}" if gpus else "this CPU, one after another"
    todo = [run for run in runs if tasks.scheduler.force_rerun or not run.is_finished()]
    print(f"{options.config}: {len(runs)} runs, {len(todo)} to train on {where}")
    if options.dry_run:
        for run in runs:
            print(f"  {'train' if run in todo else 'skip'}  {run.state():10}  {run.folder}")
        return 0
    for run in todo:
        run.move_finished_away()
    commands = {run.command(experiment, options): run for run in todo}
    stopped = False
    report = _Reporter(commands)
    try:
        if gpus:
            launch.run_on_gpus(
                list(commands),
                gpus,
                tasks.scheduler.max_tasks_per_gpu,
                experiment.folder / tasks.scheduler.scheduler_log_file_path,
                report,
            )
        else:
            launch.run_in_turn(list(commands), report)
    except KeyboardInterrupt:
        stopped = True
    _print_table(runs, report.failed)
    if stopped:
        print("stopped; the same command goes on from the saved state")
        return launch.STOPPED
    return 1 if report.failed else 0


def _task(experiment, options, train):
    tasks = _load(experiment, options)
    task = _find(tasks, options.run)
    run = _Run(experiment.folder, tasks.scheduler, task)
    folder = options.work_dir.resolve() if options.work_dir else run.folder
    _log_to(folder / tasks.scheduler.log_file)
    log.info("training in %s", folder)
    try:
        train(task.config, folder)
    except TrainingStopped as stop:
        log.info("%s", stop)
        return launch.STOPPED
    except UserError as error:
        log.error("error: %s", error)
        return 2
    except OSError as error:
        log.error("error: %s", from_os_error(error))
        return 2
    except Exception:
        log.exception("the run failed; this is a bug worth reporting")
        return 1
    log.info("finished; scores, picture and networks are in %s", folder)
    return 0


@dataclass(frozen=True)
class _Run:
    """A task and what lies in its folder."""

    base: Path
    scheduler: object
    task: grid.Task

    @property
    def folder(self):
        return self.base / self.scheduler.result_root_folder / self.task.name

    @property
    def log(self):
        return self.folder / self.scheduler.log_file

    def command(self, experiment, options):
        words = [sys.executable, str(experiment.folder / experiment.task)]
        words += ["--config", str(options.config)]
        for text in options.set:
            words += ["--set", text]
        return launch.Command(shlex.join([*words, self.task.name]), self.log)

    def state(self):
        return record.read(self.folder).get("state", "new")

    def is_finished(self):
        found, config = record.read(self.folder), self.task.config
        if found.get("state") != "finished" or changed_keys(found["config"], config):
            return False
        return all(found["config"][key] == getattr(config, key) for key in ("epoch", "max_batches"))

    def move_finished_away(self):
        if self.state() != "finished" or not self.scheduler.force_rerun:
            return
        n = 1
        while (old := self.folder.with_name(f"{self.folder.name}.old-{n}")).exists():
            n += 1
        self.folder.rename(old)
        print(f"force_rerun: kept the finished run as {old}")

    def summary(self, state):
        found = record.read(self.folder)
        parts = [f"{state:9}", str(self.folder)]
        if state == "finished":
            parts[1:1] = [f"{name} {value:.3f}" for name, value in found["scores"].items()]
            parts.insert(-1, f"{found['seconds'] / 60:.1f} min")
            parts.append(f"traversals: {self.folder / 'traversal.png'}")
        return "  ".join(parts)


class _Reporter:
    """Says what becomes of each run, on the terminal that main.py was started from."""

    def __init__(self, runs):
        self.runs, self.out, self.failed = runs, sys.stdout, []

    def started(self, command, where):
        print(f"run {self.runs[command].task.name} starts on {where}", file=self.out, flush=True)

    def note(self, line):
        print(line, file=self.out, flush=True)

    def ended(self, command, status):
        run = self.runs[command]
        if status == 0 or launch.was_stopped(status):
            return
        self.failed.append(run)
        how = f"was killed by signal {-status}" if status < 0 else f"failed (exit status {status})"
        print(f"run {run.task.name} {how}; the end of {run.log}:", file=self.out)
        lines = run.log.read_text(errors="replace").splitlines() if run.log.exists() else []
        for line in lines[-_LOG_LINES:] or ["(no log was written)"]:
            print(f"    {line}", file=self.out, flush=True)


def _print_table(runs, failed):
    print("\nruns:")
    for run in runs:
        print(f"  {run.summary('failed' if run in failed else run.state())}")


def _parser(experiment, text):
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument(
        "--config",
        type=lambda name: Path(name).resolve(),
        default=experiment.folder / "config.py",
        metavar="FILE",
        help="the grid to train (default: config.py)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set a key of the config, e.g. --set batch_size=32; may be repeated",
    )
    return parser


def _load(experiment, options):
    return grid.load(options.config, experiment.schema, experiment.num_images, options.set)


def _find(tasks, name):
    if name is None:
        return tasks.tasks[0]
    for number, task in enumerate(tasks.tasks):
        if name in (task.name, str(number)):
            return task
    raise UserError(f"no run '{name}' in {tasks.path} (main.py --list shows them)")


def _answer(command):
    """The command's exit status; a user's mistake is one line and status 2."""
    try:
        return command()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return launch.STOPPED
    except OSError as error:
        print(f"error: {from_os_error(error)}", file=sys.stderr)
        return 2


def _log_to(path):
    """Messages go to the terminal, above the progress bar, and with the time to `path`."""
    logging.raiseExceptions = False  # a full disk must not bury the message that says so
    terminal = _TqdmHandler()
    with os_errors_in_one_line(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path)
    file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[terminal, file], format="%(message)s")


class _TqdmHandler(logging.Handler):
    def emit(self, message):
        with contextlib.suppress(OSError):  # what reads our output may be gone: training goes on
            tqdm.write(self.format(message), file=sys.stdout)
            sys.stdout.flush()
