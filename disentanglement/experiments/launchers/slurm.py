"""The launcher for Slurm: one job array for a grid, submitted with submitit.

The jobs do not depend on the main script. It notes what it has submitted in the result folder, so
that the same command watches the jobs again, from any machine of the cluster.
"""

import contextlib
import io
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from disentanglement import console, records
from disentanglement.errors import UserError, from_os_error
from disentanglement.experiments.launchers.launcher import Command, Reporter, check_installed
from disentanglement.experiments.launchers.slurm_notes import (
    Notes,
    SlurmJob,
    jobs_of,
    status_file,
)
from disentanglement.experiments.launchers.slurm_options import (
    check_options,
    executor_for,
    refusal,
)
from disentanglement.experiments.launchers.slurm_queue import GONE, JobState, NoAnswer, SlurmQueue
from disentanglement.experiments.launchers.slurm_task import Task
from disentanglement.files import locked
from disentanglement.scheduler_config import SchedulerConfig
from disentanglement.wording import counted

FOLDER = ".slurm"  # in the result folder
_SECONDS = 10.0  # between two looks at the queue
_PATIENCE = 3  # looks after which a job without an exit status has failed: files may come late


class Slurm:
    """Submits commands as the jobs of an array, and watches them.

    Args:
        config: What each job may use.
        results: The result folder, which the nodes must see at the same path.
        verb: What the jobs do with runs, e.g. "train".
        queue: Slurm's commands.
        cluster: submitit's name for where jobs run: "slurm", or "local" for tests.
        seconds: Seconds between two looks at the queue.

    Raises:
        UserError: submitit or Slurm is not installed, or an option is malformed.
    """

    after_stop = "the jobs go on: the same command watches them again; with --cancel, it ends them"

    def __init__(
        self,
        config: SchedulerConfig,
        results: Path,
        verb: str,
        queue: SlurmQueue | None = None,
        cluster: str = "slurm",
        seconds: float = _SECONDS,
    ):
        check_installed("submitit", "slurm")
        self._config, self._verb, self._seconds = config, verb, seconds
        self._folder, self._cluster = results.absolute() / FOLDER, cluster
        self._queue = queue or SlurmQueue()
        self._queue.check()
        check_options(config)
        self._notes = Notes(self._folder, verb, self._queue)
        partition = f", partition {config.slurm_partition}" if config.slurm_partition else ""
        self.where = f"Slurm{partition}"
        self.threads: int | None = config.slurm_cpus

    # ---- what has been submitted ---------------------------------------------------------------

    def underway(self) -> dict[str, tuple[str, ...]]:
        """Return the runs that submitted jobs have still to do; see `Launcher.underway`."""
        return {run: job.runs for job in self._notes.alive() for run in job.runs}

    def waiting(self) -> dict[str, str]:
        """Return the runs whose jobs wait in Slurm's queue, with the jobs' numbers and reasons."""
        return {
            run: f"Slurm job {job.number} will {self._verb} it ({state.reason})"
            for job, state in self._notes.alive().items()
            if state.is_pending
            for run in job.runs
        }

    def cancel(self, runs: Sequence[str]) -> list[str]:
        """End the jobs that do this launcher's work for any of these runs."""
        alive = self._notes.alive()
        ours = {job: state for job, state in alive.items() if not set(runs).isdisjoint(job.runs)}
        lines = [f"no job in Slurm's queue is going to {self._verb} these runs"]
        if ours:
            numbers = [job.number for job in ours]
            self._queue.cancel(numbers)
            pending = sum(state.is_pending for state in ours.values())
            lines = [
                f"cancelled {counted(len(ours), 'job')} ({pending} pending, {len(ours) - pending} "
                f"running, which save first): {', '.join(numbers)}"
            ]
        if others := [job.number for job in alive if job not in ours]:
            lines.append(f"jobs for other runs of this folder go on: {', '.join(others)}")
        return lines

    # ---- submitting and watching ---------------------------------------------------------------

    def run(self, commands: list[Command], reporter: Reporter) -> None:
        """Submit commands, but for those underway, and wait until all have ended."""
        with locked(self._folder, wait=True):  # nobody else submits the same runs
            alive = {job.runs: job for job in self._notes.alive(forget=True)}
            watched = {alive[c.runs]: c for c in commands if c.runs in alive}
            for job, command in watched.items():
                reporter.note(f"watching Slurm job {job.number}: run {' and '.join(command.runs)}")
            watched |= self._submit([c for c in commands if c.runs not in alive], reporter)
        self._watch(watched, reporter)

    def _submit(self, commands, reporter):
        """Submit commands as one array; return its jobs and their commands."""
        if not commands:
            return {}
        with _ctrl_c_held_back():
            note = self._notes.begin([command.runs for command in commands])
            tasks = [
                Task(command.words, command.log, self._folder, status_file(note["name"], i))
                for i, command in enumerate(commands)
            ]
            try:
                executor = executor_for(
                    self._config, self._folder / "jobs", self._cluster, note["name"]
                )
                with contextlib.redirect_stderr(io.StringIO()), executor.batch():  # sbatch's words
                    submitted = [executor.submit(task) for task in tasks]
            except Exception as error:
                raise self._not_submitted(note, error) from error
            note["array"] = submitted[0].job_id.partition("_")[0]
            if self._cluster == "local":  # it has no arrays
                note["numbers"] = [job.job_id for job in submitted]
            jobs = jobs_of(note)
            reporter.note(
                f"submitted {counted(len(jobs), 'job')} to {self.where}: {jobs[0].number}"
                + (f" to {jobs[-1].number}" if len(jobs) > 1 else "")
            )
            self._notes.save(note)
        return dict(zip(jobs, commands, strict=True))

    def _not_submitted(self, note, error):
        """Return the error of a submission that has failed, with no job of it left."""
        said = f"sbatch has refused the jobs: {refusal(error)}"
        if isinstance(error, OSError):
            said = str(from_os_error(error, self._folder))
        # sbatch may have lost its connection after Slurm has taken the jobs, which now lack files.
        # If that cannot be found out, the note stays, and the next command finds them.
        with contextlib.suppress(NoAnswer, UserError):
            if array := self._queue.find(note["name"]):
                self._queue.cancel([array])
                said += f"; job {array}, which Slurm had taken, is cancelled"
            self._notes.remove(note)
        return UserError(said)

    def _watch(self, jobs, reporter):
        """Report what becomes of jobs until all are over."""
        last: dict[SlurmJob, JobState] = {}
        silent: dict[SlurmJob, int] = {}  # looks since a job is over without a status
        left, answers = dict(jobs), True
        while left:
            try:
                found = self._queue.states([job.number for job in left])
            except NoAnswer as error:
                if answers:
                    reporter.note(f"Slurm does not answer ({error}); the jobs go on, I ask again")
                answers = False
                time.sleep(self._seconds)
                continue
            answers = True
            states = {job: found[job.number] for job in left}
            for job, state in states.items():
                self._report(job, left[job], last.get(job), state, reporter)
            last = states
            for job, state in states.items():
                if not state.is_over:
                    silent.pop(job, None)
                    continue
                silent[job] = silent.get(job, 0) + 1
                status = records.read(self._folder, job.status).get("status")
                if status is not None or silent[job] > _PATIENCE or state.name == "CANCELLED":
                    self._end(job, left.pop(job), state, status, reporter)
            reporter.progress(
                {left[j]: f"{s.name.lower()}: {s.reason}" for j, s in states.items()
                 if j in left and s.is_pending}
            )  # fmt: skip
            if left:
                time.sleep(self._seconds)

    def _report(self, job, command, before, now, reporter):
        if now.name == "RUNNING" and (before is None or before.name != "RUNNING"):
            reporter.started(command, f"{now.nodes} (job {job.number})")
        if before and now.is_pending and not before.is_pending:
            reporter.note(f"job {job.number} waits again: it was preempted, or its time was up")
        if now.is_held and not (before and before.is_held):
            reporter.note(
                f"job {job.number} is held ({now.reason}): scontrol release {job.number}, or "
                "--cancel"
            )

    def _end(self, job, command, state, status, reporter):
        """Report the end of a job; without an exit status, say what Slurm knows."""
        if status is not None:
            reporter.ended(command, status, stopped=status == console.STOPPED)
        elif state.name == "CANCELLED":
            reporter.ended(command, console.STOPPED, stopped=True)
        else:
            out = self._folder / "jobs" / f"{job.number}_0_log.err"
            advice = f"see {out}"
            if not out.exists():
                advice = (
                    f"it has written nothing: does {state.nodes or 'the node'} see {self._folder}?"
                )
            said = GONE.reason if state == GONE else state.name
            how = f"ended without an exit status (Slurm job {job.number}: {said}); {advice}"
            reporter.ended(command, console.FAILED, stopped=False, how=how)


@contextlib.contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end of the block: half a submission would be left behind."""
    previous, came = signal.getsignal(signal.SIGINT), []
    if previous is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if came:
            raise KeyboardInterrupt
