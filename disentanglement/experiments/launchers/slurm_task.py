"""What runs inside a Slurm job: a task script, in the process that Slurm signals.

Slurm sends SIGUSR2 some time before the job's time limit, and before it takes the job's node away
for a more important one. submitit's handler for it puts the job back into the queue, where it
stands; ours lets the run save first. A child process would never see the signal.
"""

import contextlib
import logging
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
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
        log: The file that takes its stderr.
        folder: Where the exit status is noted.
        name: The name of the status file.
    """

    words: tuple[str, ...]
    log: Path
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
        logging.getLogger("submitit").propagate = False  # or its messages end the run's log
        with _stderr_in(self.log):
            status = _run_script(self.words)
        for number in (signal.SIGTERM, _REQUEUE):  # the end must not be cut short
            signal.signal(number, signal.SIG_IGN)
        # SIGTERM may also be that of scancel. Training has taken it itself: it is not in `asked`.
        told = status == console.STOPPED and (_REQUEUE in asked or _is_preempted())
        if told and callable(requeue):
            # Does not return, unless Slurm has queued the job again by itself, or will not.
            with contextlib.suppress(subprocess.SubprocessError, OSError):
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
    except Exception:
        traceback.print_exc()
        return console.FAILED
    return 0


@contextlib.contextmanager
def _stderr_in(log: Path) -> Iterator[None]:
    """Append stderr to a file, also that of C code; on a full disk, leave it where it is."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(log.open("a"))
            earlier = os.dup(2)
            stack.callback(os.close, earlier)
            stack.callback(os.dup2, earlier, 2)
            os.dup2(file.fileno(), 2)
        yield
        sys.stderr.flush()


def _is_preempted() -> bool:
    """Whether Slurm takes this job's node away; with a GraceTime, it sends SIGTERM to say so."""
    try:
        command = ["scontrol", "show", "job", os.environ["SLURM_JOB_ID"]]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    except (KeyError, subprocess.SubprocessError, OSError):
        return False
    return re.search(r"PreemptTime=\d", said) is not None
