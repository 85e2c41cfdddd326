"""What the main scripts do with a grid: find the unfinished runs, dispatch them, report."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from disentanglement import console
from disentanglement.errors import UserError
from disentanglement.experiments import launchers, queues, states, status
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.grid import Grid
from disentanglement.experiments.jobs import Job
from disentanglement.experiments.launchers.launcher import Command, Launcher
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
    results = experiment.folder / chosen.scheduler.result_root_folder
    if options.status or options.json:
        for why in dict.fromkeys(experiment.missing(task.config) for task in chosen.tasks):
            if why:
                print(f"note: {why}", file=sys.stderr)
        return status.show(job, runs, _queue(results, chosen, job), as_json=options.json)
    launcher = launchers.chosen(chosen.scheduler, experiment.folder, job.verb)
    if options.cancel:
        print("\n".join(launcher.cancel([run.task.name for run in runs])))
        return 0
    underway = launcher.underway()
    found = {run: job.state(run) for run in runs}
    ready = [run for run in runs if job.can_start(run, found[run])]
    again = chosen.scheduler.force_rerun
    todo = [
        run
        for run in runs
        if run.task.name in underway
        or (run in ready and (again or not job.is_done(run, found[run])))
    ]
    total = counted(len(runs), "run")
    print(f"{options.config}: {total}, {len(todo)} to {job.verb} on {launcher.where}")
    try:
        job.check_data(todo)  # once, rather than in every run
    except UserError as error:
        if not options.dry_run:
            raise
        print(f"note: {error}")
    if options.dry_run:
        queue = queues.waiting(results)
        for run in runs:
            verb, state = job.verb if run in todo else "skip", job.state(run, queue)
            print(f"  {verb:5}  {status.line(run, job.label(run, state), state)}")
        for line in job.needs(runs, todo, found):
            print(line)
        return 0
    for line in job.warnings(todo, found):
        print(line)
    if not ready and not todo:
        _check_that_something_can_start(job, found)
    return _do(job, runs, todo, underway, launcher, options)


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
    underway: Mapping[str, tuple[str, ...]],
    launcher: Launcher,
    options: argparse.Namespace,
) -> int:
    """Do `job` for the runs in `todo`, show the state of all `runs`, return the exit status."""
    fresh = [run for run in todo if run.task.name not in underway]
    if runs[0].scheduler.force_rerun:
        for run in fresh:
            for old in job.put_away(run):
                print(f"force_rerun: the earlier results are kept in {old}")
    by_name = {run.task.name: run for run in runs}
    groups = group_runs(fresh, options.stack)
    for together in dict.fromkeys(underway.values()):
        if chosen := [by_name[name] for name in together if name in by_name]:
            groups.append(chosen)
    commands = {_command(job, options, launcher, underway, group): group for group in groups}
    stopped = False
    names = [run.task.name for run in todo]
    with (
        queues.announced(runs[0].path.parent, job.verb, names) as queue,
        GridReporter(commands, queue, job) as reporter,
    ):
        try:
            launcher.run(list(commands), reporter)
        except KeyboardInterrupt:
            stopped = True
    status = _report(job, runs, reporter, launcher.after_stop if stopped else "")
    return status if stopped else job.finish(runs, status)


def _report(job: Job, runs: list[RunFolder], reporter: GridReporter, stopped: str) -> int:
    """Show the state of every run, and what was `stopped`, if so; return the exit status."""
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
        print(stopped)
        return console.STOPPED
    if failed or any(job.refuses(run, state) for run, state in found.items()):
        return console.FAILED
    if any(run not in done for run in reporter.stopped):  # by somebody else, e.g. --cancel
        return console.STOPPED
    return console.IN_USE if elsewhere else 0


def _command(
    job: Job,
    options: argparse.Namespace,
    launcher: Launcher,
    underway: Mapping[str, tuple[str, ...]],
    group: list[RunFolder],
) -> Command:
    """Return the command that does the job for a group of runs."""
    script = job.experiment.folder / job.script
    words = [sys.executable, str(script), "--config", str(options.config)]
    for text in options.set:
        words += ["--set", text]
    if threads := options.threads or launcher.threads:
        words += ["--threads", str(threads)]
    words += job.task_options()
    names = tuple(run.task.name for run in group)
    # A command that is underway may do more runs than were selected this time.
    return Command((*words, *names), group[0].log, underway.get(names[0], names))


def _queue(results: Path, chosen: Grid, job: Job) -> dict[str, str]:
    """Return the runs that wait to be started, see `queues.waiting`."""
    queue, scheduler = queues.waiting(results), chosen.scheduler
    if scheduler.launcher == "local":
        return queue
    launcher = launchers.chosen(scheduler, job.experiment.folder, job.verb)
    return queue | dict(launcher.waiting())
