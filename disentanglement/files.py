"""Writing files so that a reader sees the old content or the new, never half of either."""

import contextlib
import fcntl
import hashlib
import os
import sys
from pathlib import Path

from disentanglement.errors import UserError, from_os_error, os_errors_in_one_line


@contextlib.contextmanager
def atomic_path(path: Path):
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    The temporary name keeps the suffix (Keras chooses the format by it) and is always the same
    for one `path`, so what a killed process left is overwritten by the next write. On any error
    it is removed and `path` stays as it was. Raises UserError where the disk refuses.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise from_os_error(error, path) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` by `text`, all or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def fingerprint(path: Path) -> str:
    """What tells the content of a file from another in records: 16 hexadecimal digits."""
    with os_errors_in_one_line(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def keep_old(path: Path) -> Path:
    """Rename a file a.b to the first free a.old-<n>.b, a folder c to c.old-<n>; returns that."""
    stem, suffix = (path.name, "") if path.is_dir() else (path.stem, path.suffix)
    n = 1
    while (old := path.with_name(f"{stem}.old-{n}{suffix}")).exists():
        n += 1
    with os_errors_in_one_line(path):
        path.rename(old)
    return old


@contextlib.contextmanager
def locked(folder: Path, wait: bool = False):
    """Hold a folder: two processes at work in it would spoil each other's files.

    If another process holds it, wait for its end, or raise UserError.
    """
    with os_errors_in_one_line(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    with lock:
        with os_errors_in_one_line(folder / ".lock"):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if not wait:
                    raise UserError(f"{folder}: another process is at work there") from error
                print(f"waiting: another process is at work in {folder}", file=sys.stderr)
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _flush_folder(folder: Path) -> None:
    # The rename itself must survive a power cut. Not every platform can open a folder.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
