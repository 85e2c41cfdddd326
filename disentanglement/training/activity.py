"""Who is working in a run's folder, and how far the work has come.

A process locks the folder while it trains, scores or draws there, and keeps progress.json up to
date. The lock tells a live process from a dead one: a process that dies loses it, and leaves its
progress.json behind.
"""

import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from disentanglement import records
from disentanglement.errors import FolderInUse, UserError
from disentanglement.files import is_locked, locked

FILE = "progress.json"

TRAINING, SCORING, DRAWING = "training", "scoring", "drawing"

_KINDS: dict[str, Any] = {
    **dict.fromkeys(("doing", "host", "started", "updated"), str),
    **dict.fromkeys(("pid", "batches", "total"), int),
    **dict.fromkeys(("batches_a_second", "seconds_left"), int | float),
}
_SECONDS = 5.0  # between two updates of the file
_RATE_OVER = 60  # updates, so the rate is that of the last five minutes

# The folders that threads of this process have claimed: work inside work, e.g. a task script's
# training, is part of it.
_claimed: dict[tuple[int, Path], "Activity"] = {}


class Activity:
    """The work of this process in a run's folder.

    Attributes:
        folder: The run's folder.
        previous: What the last process left in progress.json if it died; {} if it ended well.
    """

    def __init__(self, folder: Path, doing: str):
        self.folder = folder
        self.previous = _read(folder)
        self._state = {
            "doing": doing,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started": records.now(),
        }
        self._points: deque[tuple[float, int]] = deque(maxlen=_RATE_OVER)
        self._written = 0.0
        self._write()

    def begin(self, doing: str) -> None:
        """Say what the process does from now on."""
        self._state["doing"] = doing
        self._write()

    def progress(self, done: int, total: int) -> None:
        """Note that `done` of `total` batches are trained; every few seconds, write it down."""
        now, first_call = time.monotonic(), "batches" not in self._state
        self._state |= {"batches": done, "total": total}
        if first_call:  # the first batch, which compiles the step, does not count for the rate
            self._write()
            return
        if not self._points:
            self._points.append((now, done))
        if now - self._written < _SECONDS:
            return
        self._points.append((now, done))
        (first_time, first), (last_time, last) = self._points[0], self._points[-1]
        if last > first:
            rate = (last - first) / (last_time - first_time)
            self._state["batches_a_second"] = round(rate, 3)
            self._state["seconds_left"] = round((total - done) / rate)
        self._write()

    def end(self) -> None:
        """Remove the file: the work has ended, one way or another."""
        with contextlib.suppress(OSError):
            (self.folder / FILE).unlink(missing_ok=True)

    def _write(self) -> None:
        self._written = time.monotonic()
        with contextlib.suppress(UserError):  # on a full disk, a checkpoint will report it
            records.save(self.folder, self._state | {"updated": records.now()}, FILE)


@contextlib.contextmanager
def claim(folder: Path, doing: str) -> Iterator[Activity]:
    """Lock a run's folder, and say in it what this process does there.

    Within a claim of the same thread, the outer one is yielded.

    Args:
        folder: Created if it does not exist.
        doing: TRAINING, SCORING or DRAWING.

    Raises:
        FolderInUse: Another process works there; the message says which.
        UserError: The folder cannot be written.
    """
    key = (threading.get_ident(), Path(folder).resolve())
    if outer := _claimed.get(key):
        outer.begin(doing)
        yield outer
        return
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
        except FolderInUse as error:
            raise FolderInUse(f"{error}{_by(_read(folder))}: wait for it, or stop it") from error
        activity = _claimed[key] = Activity(folder, doing)
        try:
            yield activity
        finally:
            del _claimed[key]
            activity.end()


def current(folder: Path) -> dict[str, Any] | None:
    """Return what a live process does in a run's folder now, or None if there is none.

    Returns:
        "doing", "pid", "host", "started" and "updated"; while batches are trained also "batches",
        "total", "batches_a_second" and "seconds_left". {} in the moment before it is written, or
        for a process of an earlier version.
    """
    return _read(folder) if is_locked(folder) else None


def left_behind(folder: Path) -> dict[str, Any]:
    """Return what a process that died in a run's folder last noted, see `current`; {} if none."""
    return {} if is_locked(folder) else _read(folder)


def where(found: dict[str, Any]) -> str:
    """Return which process `current` or `left_behind` speaks of, e.g. "pid 12 on gpu-3"."""
    if not {"pid", "host"} <= set(found):
        return "an unknown process"
    return f"pid {found['pid']} on {found['host']}"


def _by(found: dict[str, Any]) -> str:
    return f" ({found.get('doing', 'working')}: {where(found)})" if found else ""


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = records.read(folder, FILE)
    except UserError:  # it is a note only
        return {}
    return {key: found[key] for key, kind in _KINDS.items() if isinstance(found.get(key), kind)}
