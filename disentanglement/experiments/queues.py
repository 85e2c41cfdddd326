"""The runs that a main script has still to start, for everyone who asks for the runs' states.

A main script notes them in a folder of its own in the result folder, which it locks: a queue whose
lock is free is that of a script that died.
"""

import contextlib
import os
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from disentanglement import records
from disentanglement.errors import UserError
from disentanglement.files import is_locked, locked

_FOLDER, _FILE = ".queues", "queue.json"


class Queue:
    """The runs that this process has still to start.

    Args:
        folder: Where it is noted; None: nowhere.
        verb: What will be done with the runs, e.g. "train".
        names: The names of their folders.
    """

    def __init__(self, folder: Path | None, verb: str, names: Sequence[str]):
        self._folder, self._verb, self._names = folder, verb, list(names)
        self._lock = threading.Lock()  # runs start in several threads
        self._write()

    def start(self, names: Sequence[str]) -> None:
        """Note that these runs have been started."""
        with self._lock:
            self._names = [name for name in self._names if name not in names]
            self._write()

    def clear(self) -> None:
        """Note that no more runs will be started."""
        with self._lock:
            self._names = []
            self._write()

    def _write(self) -> None:
        if self._folder:
            with contextlib.suppress(UserError):  # a full disk will be reported by the runs
                records.save(self._folder, {"verb": self._verb, "runs": self._names}, _FILE)


@contextlib.contextmanager
def announced(results: Path, verb: str, names: Sequence[str]) -> Iterator[Queue]:
    """Announce that this process is going to do something with runs.

    Args:
        results: The result folder.
        verb: What will be done with them, e.g. "train".
        names: The names of the runs' folders.
    """
    folder = results / _FOLDER / f"{socket.gethostname()}-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        try:
            with locked(folder.parent, wait=True):  # while folders come and go
                _remove_dead(results)
                stack.enter_context(locked(folder))
        except UserError:  # the runs will report why the folder cannot be written
            yield Queue(None, verb, names)
            return
        stack.callback(_remove, folder)
        yield Queue(folder, verb, names)


def waiting(results: Path) -> dict[str, str]:
    """Return what live main scripts are still going to do with runs: name -> a sentence on it."""
    found: dict[str, str] = {}
    for folder in _queues(results):
        if is_locked(folder):
            with contextlib.suppress(UserError, TypeError):  # it is being written, or not ours
                queue = records.read(folder, _FILE)
                sentence = f"a main script will {queue.get('verb', '')} it"
                found |= dict.fromkeys(queue.get("runs", ()), sentence)
    return found


def _remove_dead(results: Path) -> None:
    for folder in _queues(results):
        if not is_locked(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _remove(folder: Path) -> None:
    """Remove a queue, and the folder of all queues with the last one."""
    with contextlib.suppress(UserError), locked(folder.parent, wait=True):
        shutil.rmtree(folder, ignore_errors=True)
        if not _queues(folder.parents[1]):
            shutil.rmtree(folder.parent, ignore_errors=True)


def _queues(results: Path) -> list[Path]:
    return [path for path in sorted(results.glob(f"{_FOLDER}/*")) if path.is_dir()]
