"""Slurm's own commands: which jobs are in the queue, and ending them."""

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from disentanglement.errors import UserError

# States in which a job has run, and will not run again unless somebody queues it.
_OVER = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED"),
    *("NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
}
_PENDING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "REQUEUE_FED"}


class NoAnswer(Exception):
    """Slurm's controller does not answer; it may later."""


@dataclass(frozen=True)
class JobState:
    """What Slurm says of a job.

    Attributes:
        name: E.g. "RUNNING".
        reason: Why it waits, e.g. "Resources".
        nodes: Where it runs or ran.
    """

    name: str
    reason: str = ""
    nodes: str = ""

    @property
    def is_over(self) -> bool:
        return self.name in _OVER

    @property
    def is_pending(self) -> bool:
        return self.name in _PENDING

    @property
    def is_held(self) -> bool:
        return self.name in ("REQUEUE_HOLD", "SPECIAL_EXIT") or "held" in self.reason.lower()


GONE = JobState("COMPLETED", "Slurm has forgotten how")


class SlurmQueue:
    """The queue of the cluster that this machine belongs to."""

    def check(self) -> None:
        """Raise UserError if this machine has no Slurm."""
        for program in ("sbatch", "srun", "squeue", "scancel"):
            if shutil.which(program) is None:
                raise UserError(
                    f"--launcher slurm: there is no {program} on this machine: run the command on "
                    "a login node of the cluster, or leave --launcher out"
                )

    def states(self, jobs: Iterable[str]) -> dict[str, JobState]:
        """Return the states of jobs such as "12" or "12_3"; a job that is long over is `GONE`.

        Raises:
            NoAnswer: The controller does not answer.
        """
        jobs = list(jobs)
        arrays = sorted({job.partition("_")[0] for job in jobs})
        found: dict[str, JobState] = {}
        for array in arrays:  # one by one: squeue lists nothing if a single job is unknown
            for line in self._squeue(["--jobs", array]):
                job, name, reason, nodes = line.split("|")[:4]
                found[job] = JobState(name, reason, nodes)
        return {job: found.get(job, GONE) for job in jobs}

    def find(self, name: str) -> str | None:
        """Return the number of the job, or array, of this name; None if there is none."""
        lines = self._squeue(["--name", name])
        return lines[0].split("|")[0].partition("_")[0] if lines else None

    def cancel(self, jobs: Iterable[str]) -> None:
        """End jobs; those that run get SIGTERM, and time to save."""
        result = subprocess.run(["scancel", *jobs], capture_output=True, text=True)
        if result.returncode:
            raise UserError(f"scancel: {_last_line(result.stderr)}")

    def _squeue(self, options: list[str]) -> list[str]:
        command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%r|%N"]
        try:
            result = subprocess.run(command + options, capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired as error:
            raise NoAnswer("squeue does not answer") from error
        if result.returncode:
            if "Invalid job id" in result.stderr:
                return []
            raise NoAnswer(_last_line(result.stderr))
        return [line.strip() for line in result.stdout.splitlines() if line.strip()]


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
