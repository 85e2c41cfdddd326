"""What every command line shares: exit statuses, messages and checks of options."""

import argparse
import contextlib
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from disentanglement.errors import (
    FolderInUse,
    TrainingStopped,
    UserError,
    from_os_error,
    os_errors_in_one_line,
)

log = logging.getLogger(__name__)

FAILED = 1
MISTAKE = 2  # the user can fix it; argparse exits with this status, too
IN_USE = 3  # another process works in the run's folder
STOPPED = 130  # what a shell reports after Ctrl-C
CLOSED_PIPE = 141  # and for a command whose output nobody reads any more
_SECONDS = 60  # between two lines of a progress bar in a file


def run_command(
    command: Callable[[], int],
    stopped: str = "stopped; run the same command again to resume",
) -> int:
    """Run a command and return its exit status, without a traceback for a user's mistake.

    Args:
        command: Does the work and returns the exit status.
        stopped: The line to print after Ctrl-C.

    Returns:
        The command's own status; 2 after a UserError or an OSError, 3 if another process works in
        a folder that is needed, 130 after Ctrl-C.
    """
    try:
        status = command()
        sys.stdout.flush()
        return status
    except FolderInUse as error:
        # Not to stderr: on GPUs that is the run's log, which belongs to the other process now.
        print(error, flush=True)
        return IN_USE
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader of our output, e.g. `head`, has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # quiet the final flush
        return CLOSED_PIPE
    except OSError as error:
        print(f"error: {from_os_error(error)}", file=sys.stderr)
        return MISTAKE


def check_platform() -> None:
    """Raise UserError on Windows, where training cannot be stopped and resumed by signals."""
    if sys.platform == "win32":
        raise UserError(
            "Windows is not supported: use WSL 2 (https://learn.microsoft.com/windows/wsl/install)"
        )


def run_logged(job: Callable[[], object]) -> int:
    """Run `job`, log any error, and return the exit status (see `run_command`; 1 for a bug)."""
    try:
        job()
    except TrainingStopped as stop:
        log.info("%s", stop)
        return STOPPED
    except UserError as error:
        log.error("error: %s", error)
        return MISTAKE
    except OSError as error:
        log.error("error: %s", from_os_error(error))
        return MISTAKE
    except Exception:
        log.exception("the run failed; please report this bug")
        return FAILED
    return 0


def log_to(paths: Iterable[Path]) -> None:
    """Send log messages to the terminal and, with timestamps, to the files `paths`."""
    # Training continues on a full disk, or when the reader of a pipe has gone: logging must not
    # print a traceback over the message that matters.
    logging.raiseExceptions = False
    terminal: logging.Handler = logging.StreamHandler(sys.stdout)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    handlers = [terminal]
    for path in paths:
        with os_errors_in_one_line(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = logging.FileHandler(path)
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        handlers.append(file)
    logger = logging.getLogger()
    logger.setLevel(logging.INFO)
    for handler in handlers:
        logger.addHandler(handler)


def progress_bar(
    total: int | None, unit: str, description: str | None = None, passing: bool = False
) -> tqdm:
    """Return a progress bar with the time left; in a file, a line a minute instead of a bar.

    Args:
        total: How many items there are, if it is known already.
        unit: What they are called, e.g. "images".
        description: What is done to them, in a word or two.
        passing: Whether the bar is removed at the end; in a file, nothing is then written before
            the first minute has passed.
    """
    every: dict[str, Any] = {}
    if not sys.stderr.isatty():
        every = {"mininterval": _SECONDS, "maxinterval": _SECONDS}
        every["delay"] = _SECONDS if passing else 0
    return tqdm(
        total=total,
        unit=f" {unit}",
        desc=description,
        smoothing=0.05,
        miniters=1,
        leave=not passing,
        file=sys.stderr if sys.stderr.isatty() else _Lines(),
        **every,
    )


def so_far(bar: tqdm) -> Callable[[int, int], None]:
    """Return a function that moves a bar: it takes how many items are done, and of how many."""

    def report(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return report


@contextlib.contextmanager
def sign_of_life(what: str) -> Iterator[None]:
    """In a file, write a line a minute while the block runs; on a terminal, a bar is there."""
    over = threading.Event()

    def report() -> None:
        while not over.wait(_SECONDS):
            seconds = tqdm.format_interval(time.monotonic() - start)
            print(f"{what}: running for {seconds}", file=sys.stderr, flush=True)

    start, thread = time.monotonic(), threading.Thread(target=report, daemon=True)
    if not sys.stderr.isatty():
        thread.start()
    try:
        yield
    finally:
        over.set()


class _Lines:
    """A stream for tqdm that puts each state of the bar on a line of its own."""

    def write(self, text: str) -> None:
        if line := text.strip():  # the rest is carriage returns and padding
            print(line, file=sys.stderr, flush=True)

    def flush(self) -> None:
        pass


def check_new(out: Path, force: bool) -> None:
    """Raise UserError if the file `out` exists, unless `force` says that it may be replaced."""
    if out.exists() and not force:
        raise UserError(f"{out} exists: choose another name, or add --force to replace it")


def check_suffix(option: str, path: Path, *allowed: str) -> None:
    """Raise UserError unless `path`, the value of this option, ends in one of these suffixes."""
    if path.suffix not in allowed:
        *others, last = allowed
        ends = f"{', '.join(others)} or {last}" if others else last
        raise UserError(f"{option} {path}: the name must end in {ends}")


def check_page(option: str, out: Path) -> None:
    """Raise UserError unless `out`, the value of this option, is the name of an HTML file."""
    if out.suffix not in (".html", ".htm"):
        raise UserError(f"{option} {out}: the name must end in .html")


def check_picture(option: str, path: Path) -> None:
    """Raise UserError unless a picture of this name can be drawn."""
    check_suffix(option, path, ".png", ".pdf", ".svg")


def not_negative(text: str) -> float:
    """An argparse type: a finite number that is not below 0."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError("must be a number from 0 on")
    return number


def at_least(low: int) -> Callable[[str], int]:
    """Return an argparse type: an integer that is not below `low`."""

    def number(text: str) -> int:
        if int(text) < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}")
        return int(text)

    return number
