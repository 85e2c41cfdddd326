"""What the main scripts do with a grid: find the unfinished runs, dispatch them, report."""

import argparse
import shlex
import sys
from collections.abc import Mapping

from disentanglement import console
from disentanglement.errors import UserError
from disentanglement.experiments import gpus, launch, queues, states, status
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.grid import Grid
from disentanglement.experiments.jobs import Job
from disentanglement.experiments.processes import Command
from disentanglement.experiments.report import command as report
from disentanglement.experiments.reporter import GridReporter
from disentanglement.experiments.runs import RunFolder, group_runs
from disentanglement.experiments.states import State
from disentanglement.wording import counted


def run_grid(experiment: Experiment, job: Job, options: argparse.Namespace) -> int:
    """Do `job` for the runs that the command line selects; return the exit status."""
    chosen = experiment.grid(options.config, options.set)
    chosen = chosen.select(options.runs)
    if options.list:
        print("\n".join(task.name for task in chosen.tasks))
        return 0
    runs = [RunFolder(experiment.folder, chosen.scheduler, task) for task in chosen.tasks]
    if options.status or options.json:
        return status.show(job, runs, as_json=options.json)
    found = {run: job.state(run) for run in runs}
    ready = [run for run in runs if job.can_start(run, found[run])]
    again = chosen.scheduler.force_rerun
    todo = [run for run in ready if again or not job.is_done(run, found[run])]
    indices = gpus.usable(chosen.scheduler)
    total, where = counted(len(runs), "run"), gpus.where(indices)
    print(f"{options.config}: {total}, {len(todo)} to {job.verb} on {where}")
    try:
        job.check_data(todo)  # once, rather than in every run
    except UserError as error:
        if not options.dry_run:
            raise
        print(f"note: {error}")
    if options.dry_run:
        queue = queues.waiting(experiment.folder / chosen.scheduler.result_root_folder)
        for run in runs:
            verb, state = job.verb if run in todo else "skip", job.state(run, queue)
            print(f"  {verb:5}  {status.line(run, job.label(run, state), state)}")
        for line in job.needs(runs, todo, found):
            print(line)
        return 0
    for line in job.warnings(todo, found):
        print(line)
    if not ready:
        _check_that_something_can_start(job, found)
    return _do(job, runs, todo, indices, options, chosen)


def _check_that_something_can_start(job: Job, found: Mapping[RunFolder, State]) -> None:
    """Raise UserError if no run is ready, unless the table at the end says why."""
    if any(s.name == states.RUNNING or job.refuses(run, s) for run, s in found.items()):
        return
    for run, state in found.items():
        if state.is_shorter():
            raise UserError(
                f"{run.path} has {state.batches:,} of {state.total:,} batches: repeat the --set "
                "options that you trained it with, or run main.py to train it further"
            )
    raise UserError("none of these runs has finished training: run main.py first")


def _do(
    job: Job,
    runs: list[RunFolder],
    todo: list[RunFolder],
    indices: list[str],
    options: argparse.Namespace,
    grid: Grid,
) -> int:
    """Do `job` for the runs in `todo`, show the state of all `runs`, return the exit status."""
    experiment, scheduler = job.experiment, grid.scheduler
    if scheduler.force_rerun:
        for run in todo:
            for old in job.put_away(run):
                print(f"force_rerun: the earlier results are kept in {old}")
    commands = {_command(job, options, group): group for group in group_runs(todo, options.stack)}
    results = experiment.folder / scheduler.result_root_folder
    stopped = False
    with queues.announced(results, job.verb, [run.task.name for run in todo]) as queue:
        reporter = GridReporter(commands, queue)
        try:
            if indices:
                log = experiment.folder / scheduler.scheduler_log_file_path
                share = scheduler.max_tasks_per_gpu
                launch.run_on_gpus(list(commands), indices, share, log, reporter)
            else:
                launch.run_in_turn(list(commands), reporter)
        except KeyboardInterrupt:
            stopped = True
    return _report(job, runs, reporter, stopped)


def _report(job: Job, runs: list[RunFolder], reporter: GridReporter, stopped: bool) -> int:
    """Show the state of every run; return the exit status."""
    print("\nruns:")
    found = {run: job.state(run) for run in runs}
    done = [run for run in runs if job.is_done(run, found[run])]
    elsewhere = [run for run in runs if found[run].name == states.RUNNING]
    failed = [run for run in reporter.failed if run not in done and run not in elsewhere]
    for run, state in found.items():
        label = job.label(run, state)
        if run in done:
            print(f"  {label:9}  {job.summary(run)}")
            if remark := state.note() if label == states.STALE else state.warning:
                print(f"  {'':9}  {remark}")
        elif run in failed:
            noted = state.name == states.FAILED  # the reason; else all we know is how it ended
            note = state.note() if noted else f"{reporter.failed[run]}; see {run.log}"
            print(f"  {status.line(run, job.failure, state, note)}")
        else:
            # Its record may not say that it was stopped, if it ended before it could save.
            label = states.STOPPED if run in reporter.stopped else label
            print(f"  {status.line(run, label, state)}")
    if not stopped:
        report.leave_page(runs[0].path.parent)
    if stopped and len(done) < len(runs):
        print("stopped; run the same command again to resume")
        return console.STOPPED
    if failed or any(job.refuses(run, state) for run, state in found.items()):
        return console.FAILED
    return console.IN_USE if elsewhere else 0


def _command(job: Job, options: argparse.Namespace, group: list[RunFolder]) -> Command:
    script = job.experiment.folder / job.script
    words = [sys.executable, str(script), "--config", str(options.config)]
    for text in options.set:
        words += ["--set", text]
    words += job.task_options()
    return Command(shlex.join([*words, *(run.task.name for run in group)]), group[0].log)
