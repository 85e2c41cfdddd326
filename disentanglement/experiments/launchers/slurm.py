"""The launcher for Slurm: one job array for a grid, submitted with submitit.

The jobs do not depend on the main script. It notes what it has submitted in the result folder, so
that the same command watches the jobs again, from any machine of the cluster.
"""

import contextlib
import re
import time
import uuid
from pathlib import Path
from typing import Any

from disentanglement import console, records
from disentanglement.errors import UserError
from disentanglement.experiments.launchers.launcher import Command, Reporter, check_installed
from disentanglement.experiments.launchers.slurm_queue import JobState, NoAnswer, SlurmQueue
from disentanglement.experiments.launchers.slurm_task import Task
from disentanglement.files import locked
from disentanglement.scheduler_config import SchedulerConfig
from disentanglement.wording import counted

FOLDER = ".slurm"  # in the result folder
_SECONDS = 10.0  # between two looks at the queue
_PATIENCE = 3  # looks after which a job without an exit status has failed: files may come late
_ENDLESS = 1_000_000  # how many time limits a run may reach; submitit wants a number


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
        self._options = dict(map(_option, config.slurm_options))
        partition = f", partition {config.slurm_partition}" if config.slurm_partition else ""
        self.where = f"Slurm{partition}"
        self.threads: int | None = config.slurm_cpus

    # ---- what has been submitted ---------------------------------------------------------------

    def underway(self) -> dict[str, tuple[str, ...]]:
        """Return the runs that submitted jobs have still to do; see `Launcher.underway`."""
        return {run: job.runs for job in self._alive() for run in job.runs}

    def waiting(self) -> dict[str, str]:
        """Return the runs whose jobs wait in Slurm's queue, with the jobs' numbers and reasons."""
        return {
            run: f"Slurm job {job.number} will {self._verb} it ({state.reason})"
            for job, state in self._alive().items()
            if state.is_pending
            for run in job.runs
        }

    def cancel(self) -> list[str]:
        """End all jobs that do this launcher's work in this result folder."""
        alive = self._alive()
        if not alive:
            return [f"no job in Slurm's queue is going to {self._verb} these runs"]
        numbers = [job.number for job in alive]
        self._queue.cancel(numbers)
        pending = sum(state.is_pending for state in alive.values())
        return [
            f"cancelled {counted(len(alive), 'job')} ({pending} pending, {len(alive) - pending} "
            f"running, which save first): {', '.join(numbers)}"
        ]

    def _alive(self) -> dict["_Job", JobState]:
        """Return the jobs of all submissions that are not over."""
        jobs = [job for note in self._notes() for job in _jobs(note)]
        states = self._states(jobs) if jobs else {}
        return {job: state for job, state in states.items() if not state.is_over}

    def _states(self, jobs):
        try:
            found = self._queue.states([job.number for job in jobs])
        except NoAnswer as error:
            raise UserError(
                f"Slurm does not answer ({error}): try again later; jobs that were submitted: "
                f"{', '.join(job.number for job in jobs)}"
            ) from error
        return {job: found[job.number] for job in jobs}

    def _notes(self) -> list[dict[str, Any]]:
        """Return the notes on earlier submissions that do this launcher's work."""
        found = []
        for path in sorted(self._folder.glob("submission-*.json")):
            note = records.read(path.parent, path.name)
            if note.get("verb") != self._verb:
                continue
            if "array" not in note:  # a main script died in the middle of submitting
                with contextlib.suppress(NoAnswer):
                    note["array"] = self._queue.find(note["name"])
            if note.get("array"):
                found.append(note)
        return found

    # ---- submitting and watching ---------------------------------------------------------------

    def run(self, commands: list[Command], reporter: Reporter) -> None:
        """Submit commands, but for those underway, and wait until all have ended."""
        with locked(self._folder, wait=True):  # nobody else submits the same runs
            alive = {job.runs: job for job in self._alive()}
            watched = {alive[c.runs]: c for c in commands if c.runs in alive}
            for job, command in watched.items():
                reporter.note(f"watching Slurm job {job.number}: run {' and '.join(command.runs)}")
            watched |= self._submit([c for c in commands if c.runs not in alive], reporter)
        self._watch(watched, reporter)

    def _submit(self, commands, reporter):
        """Submit commands as one array; return its jobs and their commands."""
        if not commands:
            return {}
        name = f"{self._verb}-{uuid.uuid4().hex[:12]}"
        note: dict[str, Any] = {
            "name": name,
            "verb": self._verb,
            "runs": [list(command.runs) for command in commands],
        }
        file = f"submission-{name}.json"
        records.save(self._folder, note, file)  # first: a job without a note would come twice
        tasks = [
            Task(command.words, self._folder, _status_file(name, i))
            for i, command in enumerate(commands)
        ]
        try:
            executor = self._executor(name)
            with executor.batch():
                submitted = [executor.submit(task) for task in tasks]
        except Exception as error:
            (self._folder / file).unlink(missing_ok=True)
            raise UserError(f"sbatch has refused the jobs: {_reason(error)}") from error
        note["array"] = submitted[0].job_id.partition("_")[0]
        if self._cluster == "local":  # it has no arrays
            note["numbers"] = [job.job_id for job in submitted]
        records.save(self._folder, note, file)
        jobs = _jobs(note)
        reporter.note(
            f"submitted {counted(len(jobs), 'job')} to {self.where}: {jobs[0].number}"
            + (f" to {jobs[-1].number}" if len(jobs) > 1 else "")
        )
        return dict(zip(jobs, commands, strict=True))

    def _executor(self, name):
        import submitit

        config = self._config
        executor = submitit.AutoExecutor(
            self._folder / "jobs", cluster=self._cluster, slurm_max_num_timeout=_ENDLESS
        )
        executor.update_parameters(
            name=name,
            timeout_min=config.slurm_minutes,
            cpus_per_task=config.slurm_cpus,
            gpus_per_node=config.slurm_gpus or None,
            mem_gb=config.slurm_memory_gb,
            slurm_partition=config.slurm_partition,
            slurm_account=config.slurm_account,
            slurm_array_parallelism=config.slurm_max_jobs,
            slurm_signal_delay_s=config.slurm_signal_seconds,
            slurm_additional_parameters=self._options or None,
        )
        return executor

    def _watch(self, jobs, reporter):
        """Report what becomes of jobs until all are over."""
        last: dict[_Job, JobState] = {}
        silent: dict[_Job, int] = {}  # looks since a job is over without a status
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
            how = f"ended without an exit status (Slurm job {job.number}: {state.name}); {advice}"
            reporter.ended(command, console.FAILED, stopped=False, how=how)


class _Job:
    """A job of a submission.

    Attributes:
        number: Slurm's, e.g. "12" or "12_3".
        runs: The runs that it does.
        status: The file that takes its exit status.
    """

    def __init__(self, number: str, runs: tuple[str, ...], status: str):
        self.number, self.runs, self.status = number, runs, status


def _jobs(note: dict[str, Any]) -> list[_Job]:
    """Return the jobs of a submission."""
    runs, array = note["runs"], note["array"]
    numbers = note.get("numbers") or (
        [f"{array}_{i}" for i in range(len(runs))] if len(runs) > 1 else [array]
    )
    return [
        _Job(number, tuple(each), _status_file(note["name"], i))
        for i, (number, each) in enumerate(zip(numbers, runs, strict=True))
    ]


def _status_file(name: str, index: int) -> str:
    return f"status-{name}-{index}.json"


def _option(text: str) -> tuple[str, Any]:
    """Return the name and the value of an option for sbatch."""
    name, equals, value = text.partition("=")
    if not re.fullmatch(r"[a-z][a-z-]*", name):
        raise UserError(f"slurm_options: '{text}' must be NAME=VALUE, e.g. 'qos=low', without --")
    return name, value if equals else True


def _reason(error: Exception) -> str:
    """Return what sbatch has said, in one line."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line.removeprefix("sbatch: error: ") for line in lines if line.startswith("sbatch:")]
    return "; ".join(said) or (lines[-1] if lines else type(error).__name__)
