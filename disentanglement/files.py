"""Writing files so that a reader sees either the old content or the new, never half of it."""

import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from disentanglement.errors import FolderInUse, from_os_error, os_errors_in_one_line

_LOCK = ".lock"
_GRACE = 0.5  # seconds: `is_locked` of another process holds a lock for a moment


# Our own rather than a library's: the flush before the rename is what makes resume exact after a
# power cut, and Keras needs the suffix.
@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success, flush it to disk and rename it to `path`.

    The temporary name keeps the suffix (Keras picks the format by it) and is always the same for
    one `path`, so the next write replaces what a killed process left behind. On any error it is
    removed and `path` stays as it was.

    Raises:
        UserError: The file system refuses to write.
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
    """Replace the content of `path` with `text`, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def fingerprint(path: Path) -> str:
    """Return a short SHA-256 fingerprint of the file: 16 hexadecimal digits."""
    with os_errors_in_one_line(path):
        stat = path.stat()
        return _fingerprint(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


# One command may ask several times for every checkpoint of a grid, and a page that is written anew
# asks again each time.
@functools.lru_cache(maxsize=4096)
def _fingerprint(path: Path, *_state: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def keep_old(path: Path) -> Path:
    """Rename file a.b to the first free a.old-<n>.b, or folder c to c.old-<n>; return the name."""
    stem, suffix = (path.name, "") if path.is_dir() else (path.stem, path.suffix)
    n = 1
    while (old := path.with_name(f"{stem}.old-{n}{suffix}")).exists():
        n += 1
    with os_errors_in_one_line(path):
        path.rename(old)
    return old


@contextlib.contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold a lock on `folder`, so that two processes cannot spoil each other's files.

    Args:
        folder: Created if it does not exist.
        wait: If another process holds the lock, wait for it instead of raising.

    Raises:
        FolderInUse: Another process holds the lock.
        UserError: The folder cannot be written.
    """
    lock = FileLock(lock_file(folder), fallback_to_soft=False)
    with os_errors_in_one_line(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=_GRACE)
        except Timeout as error:
            if not wait:
                raise FolderInUse(f"{folder}: another process is using this folder") from error
            print(f"waiting for another process that is using {folder}", file=sys.stderr)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def lock_file(folder: Path) -> Path:
    """Return the file that `locked` locks."""
    return folder / _LOCK


def is_locked(folder: Path) -> bool:
    """Whether a process, on this host or another, holds the lock of `folder`.

    Reading permission is enough. A lock dies with its process.
    """
    import fcntl  # not on Windows, where nothing is trained

    try:
        descriptor = os.open(lock_file(folder), os.O_RDONLY)
    except OSError:  # nobody has locked this folder yet
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
    return False


def _flush_folder(folder: Path) -> None:
    # The rename itself must survive a power cut. Not every platform can open a folder.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
