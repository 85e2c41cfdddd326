"""What the main scripts do with a grid: which of its runs need work, dispatch that, and report.

Three jobs exist: training runs, scoring trained ones, and drawing what their latents do.
"""

import importlib
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from disentanglement import files, final_metrics, grid, latent_trans, launch, record
from disentanglement.config import SchedulerConfig, changed_keys
from disentanglement.errors import UserError

_LOG_LINES = 5  # of worker.log, shown of a failed run


@dataclass(frozen=True)
class Experiment:
    """What the commands need to know of an experiment.

    folder: where its scripts are; relative paths in its config start there. module: the one in its
    gan/ that does the work. task: the script that trains one run; metrics_task: the one that scores
    it. schema: the dataclass of its config keys. num_images: size of its data set.
    """

    folder: Path
    module: str
    task: str
    metrics_task: str
    schema: type
    num_images: int

    def load(self):
        """The module: `build(config)`, the functions of `work.Work`, and `metric`, its lists.

        It takes seconds: a mistake in the config shows before.
        """
        importlib.import_module("disentanglement.engine")  # holds back TensorFlow's greetings
        return importlib.import_module(f"gan.{self.module}")


@dataclass(frozen=True)
class Run:
    """One run of the grid and what lies in its folder."""

    base: Path
    scheduler: SchedulerConfig
    task: grid.Task

    @property
    def folder(self) -> Path:
        return self.base / self.scheduler.result_root_folder / self.task.name

    @property
    def log(self) -> Path:
        return self.folder / self.scheduler.log_file

    def record(self) -> dict:
        """run.json; {} for a run that has not started."""
        return record.read(self.folder)

    def is_trained(self) -> bool:
        """Whether training finished, with this config and length."""
        found, config = self.record(), self.task.config
        if found.get("state") != "finished" or changed_keys(found["config"], config):
            return False
        return all(found["config"][key] == getattr(config, key) for key in ("epoch", "max_batches"))


class Training:
    """The job of main.py."""

    verb, help, can_stack = "train", "Train every run of a config's grid.", True

    def __init__(self, experiment: Experiment):
        self.script = experiment.task

    def can_start(self, run: Run) -> bool:
        return True

    def is_done(self, run: Run) -> bool:
        return run.is_trained()

    def state(self, run: Run) -> str:
        return run.record().get("state", "new")

    def put_away(self, run: Run) -> list[Path]:
        """Keep what a done job left, before it is done again; returns where."""
        return [files.keep_old(run.folder)] if self.state(run) == "finished" else []

    def summary(self, run: Run, state: str) -> str:
        if state != "finished":
            return str(run.folder)
        found = run.record()
        scores = "  ".join(f"{name} {value:.3f}" for name, value in found["scores"].items())
        minutes = f"{found['seconds'] / 60:.1f} min"
        if data := found.get("data"):
            minutes += f"  on {data['images']:,} images of {data['dataset']}"
        return f"{scores}  {minutes}  {run.folder}  traversals: {run.folder / 'traversal.png'}"


class Scoring:
    """The job of main_final_metrics.py. metrics: those that every run is to have, by name."""

    verb, help, can_stack = "score", "Score every trained run of a config's grid.", False
    _SHOWN = (
        "factor_vae",
        "dci_rf_ibgan.disentanglement",
        "mig",
        "random_feature_frechet.distance",
    )

    def __init__(self, experiment: Experiment, metrics: Mapping[str, Callable]):
        self.script, self.metrics = experiment.metrics_task, metrics

    def can_start(self, run: Run) -> bool:
        return run.is_trained()

    def is_done(self, run: Run) -> bool:
        return run.is_trained() and final_metrics.is_done(run.folder, self.metrics, run.task.config)

    def state(self, run: Run) -> str:
        if not run.is_trained():
            return "untrained"
        return "scored" if self.is_done(run) else "trained"

    def put_away(self, run: Run) -> list[Path]:
        names = final_metrics.checkpoints(run.folder, run.task.config)
        return [files.keep_old(run.folder / n) for n in names if (run.folder / n).exists()]

    def summary(self, run: Run, state: str) -> str:
        if state != "scored":
            return str(run.folder)
        file = final_metrics.file(run.task.config)
        scores = record.read(run.folder, file)["scores"]
        shown = [f"{name} {scores[name]:.3f}" for name in self._SHOWN if name in scores]
        return "  ".join([*shown, str(run.folder / file)])


class Traversals:
    """The job of main_generate_latent_trans.py. script: the one that draws one run."""

    verb, help, can_stack = "draw", "Draw what each latent of every trained run does.", False

    def __init__(self, script: str):
        self.script = script

    def can_start(self, run: Run) -> bool:
        return run.is_trained()

    def is_done(self, run: Run) -> bool:
        return run.is_trained() and latent_trans.is_done(run.folder)

    def state(self, run: Run) -> str:
        if not run.is_trained():
            return "untrained"
        return "drawn" if self.is_done(run) else "trained"

    def put_away(self, run: Run) -> list[Path]:
        folder = run.folder / latent_trans.FOLDER
        return [files.keep_old(folder)] if folder.exists() else []

    def summary(self, run: Run, state: str) -> str:
        return str(run.folder / latent_trans.FOLDER if state == "drawn" else run.folder)


def run_grid(experiment: Experiment, job, options) -> int:
    """Do `job` for the runs that `options` (of the command line) choose; the exit status."""
    tasks = grid.load(options.config, experiment.schema, experiment.num_images, options.set)
    tasks = tasks.select(options.runs)
    if options.list:
        print("\n".join(task.name for task in tasks.tasks))
        return 0
    runs = [Run(experiment.folder, tasks.scheduler, task) for task in tasks.tasks]
    able = [run for run in runs if job.can_start(run)]
    todo = [run for run in able if tasks.scheduler.force_rerun or not job.is_done(run)]
    gpus = launch.usable_gpus(tasks.scheduler)
    where = f"GPUs {', '.join(gpus)}" if gpus else "this CPU, one after another"
    print(f"{options.config}: {len(runs)} runs, {len(todo)} to {job.verb} on {where}")
    if options.dry_run:
        for run in runs:
            what = job.verb if run in todo else "skip"
            print(f"  {what:5}  {job.state(run):10}  {run.folder}")
        return 0
    if not able:
        raise UserError("none of these runs is trained to its end: run main.py first")
    for run in todo:
        if tasks.scheduler.force_rerun:
            for old in job.put_away(run):
                print(f"force_rerun: kept what was there as {old}")
    stacks = stacks_of(todo, options.stack)
    report = _Reporter({_command(experiment, job, options, stack): stack for stack in stacks})
    stopped = _launch(report, gpus, tasks.scheduler, experiment.folder)
    print("\nruns:")
    for run in runs:
        state = "failed" if run in report.failed else job.state(run)
        print(f"  {state:9}  {job.summary(run, state)}")
    if stopped:
        print("stopped; the same command goes on from the saved state")
        return launch.STOPPED
    return 1 if report.failed else 0


def check_stackable(tasks: list[grid.Task]) -> None:
    """Raises UserError unless the runs differ in `run` only, so that they can train together."""
    first = tasks[0]
    for task in tasks[1:]:
        if key := next(iter(_differences(first, task)), None):
            raise UserError(
                f"runs that train together may differ in 'run' only, but {first.name} and "
                f"{task.name} differ in '{key}'"
            )


def _differences(one, other):
    config, others = vars(one.config), vars(other.config)
    return [key for key in config if key != "run" and config[key] != others[key]]


def stacks_of(runs: list[Run], size: int) -> list[list[Run]]:
    """The runs in groups of at most `size` that can train together, in their order."""
    stacks = []
    for run in runs:
        for stack in stacks:
            if len(stack) < size and not _differences(stack[0].task, run.task):
                stack.append(run)
                break
        else:
            stacks.append([run])
    return stacks


def _command(experiment, job, options, stack):
    words = [sys.executable, str(experiment.folder / job.script), "--config", str(options.config)]
    for text in options.set:
        words += ["--set", text]
    return launch.Command(shlex.join([*words, *(run.task.name for run in stack)]), stack[0].log)


def _launch(report, gpus, scheduler, folder):
    """Run the report's commands; whether the user stopped them."""
    commands = list(report.runs)
    try:
        if gpus:
            log = folder / scheduler.scheduler_log_file_path
            launch.run_on_gpus(commands, gpus, scheduler.max_tasks_per_gpu, log, report)
        else:
            launch.run_in_turn(commands, report)
    except KeyboardInterrupt:
        return True
    return False


class _Reporter:
    """Says what becomes of each run, on the terminal that the command was started from."""

    def __init__(self, runs):
        self.runs, self.out, self.failed = runs, sys.stdout, []

    def started(self, command, where):
        print(f"{self._name(command)} starts on {where}", file=self.out, flush=True)

    def _name(self, command):
        return f"run {' and '.join(run.task.name for run in self.runs[command])}"

    def note(self, line):
        print(line, file=self.out, flush=True)

    def ended(self, command, status):
        run = self.runs[command][0]
        if status == 0 or launch.was_stopped(status):
            return
        self.failed += self.runs[command]
        how = f"was killed by signal {-status}" if status < 0 else f"failed (exit status {status})"
        print(f"{self._name(command)} {how}; the end of {run.log}:", file=self.out)
        lines = run.log.read_text(errors="replace").splitlines() if run.log.exists() else []
        for line in lines[-_LOG_LINES:] or ["(no log was written)"]:
            print(f"    {line}", file=self.out, flush=True)
