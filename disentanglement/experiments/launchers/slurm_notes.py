"""The notes on what has been submitted to Slurm: one for each job array, in the result folder."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disentanglement import records
from disentanglement.errors import UserError
from disentanglement.experiments.launchers.slurm_queue import JobState, NoAnswer, SlurmQueue


@dataclass(frozen=True, eq=False)
class SlurmJob:
    """A job of a submission.

    Attributes:
        number: Slurm's, e.g. "12" or "12_3".
        runs: The runs that it does.
        status: The file that takes its exit status.
    """

    number: str
    runs: tuple[str, ...]
    status: str


class Notes:
    """The notes on submissions that do one kind of work in a result folder.

    Args:
        folder: Where they are.
        verb: What the jobs do with runs, e.g. "train".
        queue: Slurm's commands.
    """

    def __init__(self, folder: Path, verb: str, queue: SlurmQueue):
        self._folder, self._verb, self._queue = folder, verb, queue

    def begin(self, runs: list[tuple[str, ...]]) -> dict[str, Any]:
        """Write the note on a submission that is about to be made, and return it.

        It comes before the jobs, so that they are found by its name if this process dies.
        """
        name = f"{self._verb}-{uuid.uuid4().hex[:12]}"
        note = {"name": name, "verb": self._verb, "runs": [list(each) for each in runs]}
        self.save(note)
        return note

    def save(self, note: dict[str, Any]) -> None:
        records.save(self._folder, note, _file(note))

    def remove(self, note: Mapping[str, Any]) -> None:
        (self._folder / _file(note)).unlink(missing_ok=True)

    def alive(self, forget: bool = False) -> dict[SlurmJob, JobState]:
        """Return the jobs of all submissions that are not over.

        Args:
            forget: Whether to remove the notes on submissions that are over. Only for the process
                that may submit now: another may be in the middle of it.

        Raises:
            UserError: Slurm does not answer.
        """
        found: dict[SlurmJob, JobState] = {}
        jobs: dict[SlurmJob, dict[str, Any]] = {}
        notes = self._read()
        try:
            for note in notes:
                if "array" not in note:  # a main script died in the middle of submitting
                    note["array"] = self._queue.find(note["name"])
                if note["array"]:
                    jobs |= dict.fromkeys(jobs_of(note), note)
            states = self._queue.states([job.number for job in jobs]) if jobs else {}
        except NoAnswer as error:
            known = ", ".join(note["array"] for note in notes if note.get("array"))
            raise UserError(
                f"Slurm does not answer ({error}): try again later"
                + (f"; jobs that were submitted: {known}" if known else "")
            ) from error
        found = {job: states[job.number] for job in jobs if not states[job.number].is_over}
        if forget:
            for note in notes:
                if not any(jobs[job] is note for job in found):
                    self.remove(note)
        return found

    def _read(self):
        paths = sorted(self._folder.glob("submission-*.json"))
        notes = [records.read(path.parent, path.name) for path in paths]
        return [note for note in notes if note.get("verb") == self._verb]


def jobs_of(note: Mapping[str, Any]) -> list[SlurmJob]:
    """Return the jobs of a submission."""
    runs, array = note["runs"], note["array"]
    numbers = note.get("numbers") or (
        [f"{array}_{i}" for i in range(len(runs))] if len(runs) > 1 else [array]
    )
    return [
        SlurmJob(number, tuple(each), status_file(note["name"], i))
        for i, (number, each) in enumerate(zip(numbers, runs, strict=True))
    ]


def status_file(name: str, index: int) -> str:
    """Return the name of the file that takes the exit status of a submission's job."""
    return f"status-{name}-{index}.json"


def _file(note):
    return f"submission-{note['name']}.json"
