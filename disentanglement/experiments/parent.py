"""Tasks end with the main script that started them, even if that is killed with `kill -9`."""

import os
import signal
import threading
import time
from collections.abc import Mapping

from disentanglement.training import signals

_VARIABLE = "DISENTANGLEMENT_PARENT"  # the id of the process that starts a task
_SECONDS = 1.0
_is_task = False


def announced_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` for a task of this process, which will stop when this process ends."""
    return {**environment, _VARIABLE: str(os.getpid())}


def stop_when_it_ends() -> None:
    """Stop this process as SIGTERM would once its parent has ended, if it is a main script's task.

    A thread compares the parent's id once a second, which works on macOS, too. Linux's
    PR_SET_PDEATHSIG would not do: its signal comes when the *thread* that started us ends.
    """
    global _is_task
    # Removed, because it is not meant for our own children.
    if parent := os.environ.pop(_VARIABLE, ""):
        _is_task = True
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def is_task() -> bool:
    """Whether a main script started this process; known after `stop_when_it_ends`."""
    return _is_task


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    if signals.stop_requested():  # our parent had passed a signal on before it was killed
        return
    saves = signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    if saves or os.getpgrp() != os.getpid():
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        os.killpg(os.getpgrp(), signal.SIGTERM)  # joblib's workers, too
