"""What the main scripts do with a grid: find the unfinished runs, dispatch them, report."""

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from disentanglement import console
from disentanglement.config import SchedulerConfig
from disentanglement.errors import UserError
from disentanglement.experiments import gpus, launch
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.jobs import Job
from disentanglement.experiments.processes import Command
from disentanglement.experiments.runs import RunFolder, group_runs

_LOG_LINES = 5  # of worker.log, shown when a run fails


def run_grid(experiment: Experiment, job: Job, options: argparse.Namespace) -> int:
    """Do `job` for the runs that the command line selects; return the exit status."""
    chosen = experiment.grid(options.config, options.set)
    chosen = chosen.select(options.runs)
    if options.list:
        print("\n".join(task.name for task in chosen.tasks))
        return 0
    scheduler = chosen.scheduler
    runs = [RunFolder(experiment.folder, scheduler, task) for task in chosen.tasks]
    ready = [run for run in runs if job.can_start(run)]
    todo = [run for run in ready if scheduler.force_rerun or not job.is_done(run)]
    refused = {run.path: f"another config: {why}" for run in runs if (why := job.refuses(run))}
    indices = gpus.usable(scheduler)
    where = gpus.where(indices)
    print(f"{options.config}: {_count(runs)}, {len(todo)} to {job.verb} on {where}")
    try:
        job.check_data(todo)  # once, rather than in every run
    except UserError as error:
        if not options.dry_run:
            raise
        print(f"note: {error}")
    if options.dry_run:
        for run in runs:
            verb = job.verb if run in todo else "skip"
            print(f"  {verb:5}  {refused.get(run.path) or job.state(run):10}  {run.path}")
        return 0
    if not ready and not refused:
        raise UserError("none of these runs has finished training: run main.py first")
    for run in todo:
        if scheduler.force_rerun:
            for old in job.put_away(run):
                print(f"force_rerun: the earlier results are kept in {old}")
    groups = group_runs(todo, options.stack)
    reporter = _Reporter({_command(experiment, job, options, group): group for group in groups})
    stopped = _launch(reporter, indices, scheduler, experiment.folder)
    print("\nruns:")
    for run in runs:
        print(f"  {_outcome(run, job, reporter, refused.get(run.path))}")
    if stopped:
        print("stopped; run the same command again to resume")
        return console.STOPPED
    return console.FAILED if reporter.failed or refused else 0


def _outcome(run: RunFolder, job: Job, reporter: "_Reporter", refused: str | None) -> str:
    """Return a run's line in the table at the end."""
    if refused:
        return f"{refused}  {run.path}"
    state = "failed" if run in reporter.failed else job.state(run)
    if run in reporter.stopped and not job.is_done(run):
        state = "stopped"  # its record may not say so, if it ended before it could save
    return f"{state:9}  {job.summary(run, state)}"


def _count(runs: Sequence[RunFolder]) -> str:
    return f"{len(runs)} run{'' if len(runs) == 1 else 's'}"


def _command(experiment, job, options, group):
    words = [sys.executable, str(experiment.folder / job.script), "--config", str(options.config)]
    for text in options.set:
        words += ["--set", text]
    return Command(shlex.join([*words, *(run.task.name for run in group)]), group[0].log)


def _launch(
    reporter: "_Reporter", indices: list[str], scheduler: SchedulerConfig, folder: Path
) -> bool:
    """Run the reporter's commands; return whether the user stopped them."""
    commands = list(reporter.runs)
    try:
        if indices:
            log = folder / scheduler.scheduler_log_file_path
            launch.run_on_gpus(commands, indices, scheduler.max_tasks_per_gpu, log, reporter)
        else:
            launch.run_in_turn(commands, reporter)
    except KeyboardInterrupt:
        return True
    return False


class _Reporter:
    """Prints what happens to each run on the terminal that started the command."""

    def __init__(self, runs: dict[Command, list[RunFolder]]):
        # While the GPU scheduler runs, sys.stdout is its log; these lines go to the terminal.
        self.runs, self.out = runs, sys.stdout
        self.failed: list[RunFolder] = []
        self.stopped: list[RunFolder] = []

    def started(self, command: Command, where: str) -> None:
        print(f"{self._name(command)} starts on {where}", file=self.out, flush=True)

    def note(self, line: str) -> None:
        print(line, file=self.out, flush=True)

    def stopping(self, running: Sequence[Command], at_once: bool) -> None:
        line = "stopping"
        if running:
            runs = [run for command in running for run in self.runs[command]]
            line += f": waiting for {_count(runs)} to save (press Ctrl-C again to stop at once)"
        if at_once:
            line = "stopping at once"
        # Not print: the signal may have arrived in the middle of one.
        with contextlib.suppress(OSError):  # the terminal may have been closed
            os.write(2, f"\n{line}\n".encode())

    def ended(self, command: Command, status: int, stopped: bool) -> None:
        if stopped:
            self.stopped += self.runs[command]
        if status == 0 or stopped:
            return
        self.failed += self.runs[command]
        how = f"was killed by signal {-status}" if status < 0 else f"failed (exit status {status})"
        print(f"{self._name(command)} {how}; last lines of {command.log}:", file=self.out)
        text = command.log.read_text(errors="replace") if command.log.exists() else ""
        for line in text.splitlines()[-_LOG_LINES:] or ["(no log was written)"]:
            print(f"    {line}", file=self.out, flush=True)

    def _name(self, command):
        return f"run {' and '.join(run.task.name for run in self.runs[command])}"
