"""What runs inside a Slurm job: a task script, in the process that Slurm signals.

Slurm sends SIGUSR2 some time before the job's time limit, and before it takes the job's node away
for a more important one. submitit's handler for it puts the job back into the queue, where it
stands; ours lets the run save first. A child process would never see the signal.
"""

import contextlib
import os
import runpy
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from disentanglement import console, records

_REQUEUE = signal.SIGUSR2


@dataclass
class Task:
    """A command to run in this process; submitit stores it with the job.

    Attributes:
        words: The command line of a Python script: interpreter, script, arguments.
        folder: Where the exit status is noted.
        name: The name of the status file.
    """

    words: tuple[str, ...]
    folder: Path
    name: str

    def __call__(self) -> int:
        """Run the script and note its exit status; if it was told to save, queue it again."""
        requeue, asked = signal.getsignal(_REQUEUE), []  # the handler is submitit's

        def stop(number: int, frame: FrameType | None) -> None:
            asked.append(number)
            if number == _REQUEUE:  # training saves on SIGTERM
                os.kill(os.getpid(), signal.SIGTERM)
            elif len(asked) == 1 or asked[-2] == _REQUEUE:
                raise KeyboardInterrupt  # nothing to save: training has a handler of its own

        for number in (signal.SIGTERM, _REQUEUE):
            signal.signal(number, stop)
        # What a dead node or an earlier attempt left must not count for this one.
        (self.folder / self.name).unlink(missing_ok=True)
        status = _run_script(self.words)
        if status == console.STOPPED and _REQUEUE in asked and callable(requeue):
            # Does not return, unless Slurm has queued the job again by itself.
            with contextlib.suppress(subprocess.CalledProcessError):
                requeue(_REQUEUE, None)
        records.save(self.folder, {"status": status, "host": socket.gethostname()}, self.name)
        return status

    def checkpoint(self) -> Any:
        """Return the job to queue again: the same one, since a run resumes from its folder."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _run_script(words: tuple[str, ...]) -> int:
    _, script, *arguments = words
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return console.STOPPED
    return 0
