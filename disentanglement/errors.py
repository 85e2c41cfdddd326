"""The one exception that stands for a user's mistake or a full disk: a line, not a traceback."""

import contextlib
import errno


class UserError(Exception):
    """What is wrong, where, and what to do next, in one line for the terminal."""


class TrainingStopped(Exception):
    """The user asked training to stop; the state is saved, and the message says how to go on."""


_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
    errno.EROFS: "the folder is on a read-only file system: choose another folder",
    errno.EACCES: "permission denied: choose another folder or change its permissions",
    errno.EPERM: "permission denied: choose another folder or change its permissions",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another folder",
    errno.EEXIST: "a file stands where a folder is needed: move it away or choose another folder",
    errno.EISDIR: "a folder stands where a file is needed: move it away or choose another name",
    errno.EIO: "the disk reports a read or write error",
}


def from_os_error(error: OSError, path=None) -> UserError:
    """Say an OSError in one line; `path` is used where the error itself names no file."""
    where = error.filename or path or "a file"
    advice = _ADVICE.get(error.errno) or (error.strerror or str(error))
    return UserError(f"cannot read or write {where}: {advice}")


@contextlib.contextmanager
def os_errors_in_one_line(path):
    """Turn an OSError of the block into a UserError; `path` is what the block reads or writes."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, path) from error
