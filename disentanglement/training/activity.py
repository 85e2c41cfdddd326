"""Who is working in a run's folder, and how far the work has come.

A process locks the folder while it trains, scores or draws there, and keeps progress.json up to
date. The lock tells a live process from a dead one: a process that dies loses it, and leaves its
progress.json behind.

Some shared file systems keep locks within each host. So a process also touches the lock file every
few seconds, and a process of another host that finds the lock free looks for these signs of life.
"""

import contextlib
import os
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from disentanglement import records
from disentanglement.errors import FolderInUse, UserError
from disentanglement.files import is_locked, lock_file, locked

FILE = "progress.json"

TRAINING, SCORING, DRAWING = "training", "scoring", "drawing"

_KINDS: dict[str, Any] = {
    **dict.fromkeys(("doing", "host", "started", "updated"), str),
    **dict.fromkeys(("pid", "batches", "total"), int),
    **dict.fromkeys(("batches_a_second", "seconds_left"), int | float),
}
_SECONDS = 5.0  # between two updates of the file
_RATE_OVER = 60  # updates, so the rate is that of the last five minutes

BEAT = 5.0  # seconds between two signs of life
SILENCE = 60.0  # seconds without one after which a process of another host is dead
LEASE = 180.0  # seconds to wait until a file server gives up the lock of a dead host

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
        self._over = threading.Event()
        self._state = {
            "doing": doing,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started": records.now(),
        }
        self._points: deque[tuple[float, int]] = deque(maxlen=_RATE_OVER)
        self._written = 0.0
        self._write()
        threading.Thread(target=self._live, daemon=True).start()

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
        self._over.set()
        with contextlib.suppress(OSError):
            (self.folder / FILE).unlink(missing_ok=True)

    def _live(self) -> None:
        while not self._over.wait(BEAT):
            with contextlib.suppress(OSError):
                os.utime(lock_file(self.folder))

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
        _lock(folder, stack)
        _check_other_hosts(folder)
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
    if is_locked(folder):
        return _read(folder)
    found = _read(folder)
    return found if _is_elsewhere(found) and time.time() - _last_beat(folder) < SILENCE else None


def is_in_use(folder: Path) -> bool:
    """Whether a live process works in a run's folder."""
    return current(folder) is not None


def left_behind(folder: Path) -> dict[str, Any]:
    """Return what a process that died in a run's folder last noted, see `current`; {} if none."""
    return {} if is_in_use(folder) else _read(folder)


def where(found: dict[str, Any]) -> str:
    """Return which process `current` or `left_behind` speaks of, e.g. "pid 12 on gpu-3"."""
    if not {"pid", "host"} <= set(found):
        return "an unknown process"
    return f"pid {found['pid']} on {found['host']}"


def _lock(folder: Path, stack: contextlib.ExitStack) -> None:
    """Lock a run's folder until `stack` ends, also if a file server keeps a dead host's lock."""
    end = time.monotonic() + LEASE
    while True:
        try:
            stack.enter_context(locked(folder))
            return
        except FolderInUse as error:
            found = _read(folder)
            if not _is_elsewhere(found) or _shows_life(folder):
                raise FolderInUse(f"{error}{_by(found)}: wait for it, or stop it") from error
            if time.monotonic() > end:
                raise FolderInUse(
                    f"{error}{_by(found)}; it shows no sign of life, but the file server keeps "
                    "its lock (NFS 3 does until that host is up again): try again later"
                ) from error


def _check_other_hosts(folder: Path) -> None:
    """Raise FolderInUse if a process of another host works here, though we have the lock."""
    found = _read(folder)
    if _is_elsewhere(found) and _shows_life(folder):
        raise FolderInUse(
            f"{folder}: another process is using this folder{_by(found)}; its lock is not seen "
            "from here, because this file system's locks do not reach other hosts (NFS: mount "
            "without nolock and local_lock; Lustre: with flock): wait for it, or stop it"
        )


def _is_elsewhere(found: dict[str, Any]) -> bool:
    return "host" in found and found["host"] != socket.gethostname()


def _shows_life(folder: Path) -> bool:
    """Whether a process of another host works here. If it died just now, this takes a minute."""
    beat = _last_beat(folder)
    # The clock of the file system, which need not be ours.
    while (silent := _now(folder) - beat) < SILENCE:
        time.sleep(min(BEAT, SILENCE - silent))
        if _last_beat(folder) != beat:
            return True
    return False


def _last_beat(folder: Path) -> float:
    """Return when a process last touched the lock file; opening it makes NFS look afresh."""
    try:
        with lock_file(folder).open("rb") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return 0.0


def _now(folder: Path) -> float:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".clock-") as file:
        return os.fstat(file.fileno()).st_mtime


def _by(found: dict[str, Any]) -> str:
    return f" ({found.get('doing', 'working')}: {where(found)})" if found else ""


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = records.read(folder, FILE)
    except UserError:  # it is a note only
        return {}
    return {key: found[key] for key, kind in _KINDS.items() if isinstance(found.get(key), kind)}
