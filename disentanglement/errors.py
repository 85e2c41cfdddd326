"""Exceptions that users see as one line instead of a traceback."""

import contextlib
import errno
import os
from collections.abc import Iterator


class UserError(Exception):
    """An error that the user can fix: one line with what is wrong, where, and what to do next."""


class FolderInUse(UserError):
    """Another process works in a folder."""


class TrainingStopped(Exception):
    """Training stopped because it was asked to; the message says how to resume."""


_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
    errno.EROFS: "the folder is on a read-only file system: choose another folder",
    errno.EACCES: "permission denied: choose another folder or change its permissions",
    errno.EPERM: "permission denied: choose another folder or change its permissions",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another folder",
    errno.EEXIST: "there is a file where a folder is needed: move it away or choose another folder",
    errno.EISDIR: "there is a folder where a file is needed: move it away or choose another name",
    **dict.fromkeys(
        (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP),
        "this file system has no locks, without which two processes could spoil each other's "
        "files: choose a folder on another one",
    ),
    errno.EIO: "the disk reports a read or write error",
}


def from_os_error(error: OSError, path: str | os.PathLike[str] | None = None) -> UserError:
    """Return an OSError as a UserError; `path` is used if the error names no file itself."""
    where = error.filename or path or "a file"
    advice = _ADVICE.get(error.errno or 0) or error.strerror or str(error)
    return UserError(f"cannot read or write {where}: {advice}")


@contextlib.contextmanager
def os_errors_in_one_line(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an OSError in the block, which reads or writes `path`, into a UserError."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, path) from error
