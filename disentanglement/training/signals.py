"""Stop training between batches on Ctrl-C, SIGTERM or SIGALRM."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from types import FrameType

# Signals within this many seconds count as one: systemd and cluster schedulers signal every
# process, and main.py passes the signal on as well.
SAME = 0.5

_requests: list[int] = []


@contextlib.contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Collect the numbers of SIGINT, SIGTERM and SIGALRM, so that training stops between batches.

    Yields:
        A list that stays empty until the first signal. A second signal raises KeyboardInterrupt
        at once.
    """
    _requests.clear()
    first = 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if _requests:
            if time.monotonic() - first < SAME:
                return
            raise KeyboardInterrupt
        first = time.monotonic()
        _requests.append(number)
        reason = b"time is up: " if number == signal.SIGALRM else b""
        # Not through logging: the signal may have arrived in the middle of a message.
        with contextlib.suppress(OSError):  # Ctrl-C may have ended the reader of our output, too
            os.write(
                2,
                b"\n%sstopping after this batch (press Ctrl-C again to stop at once, "
                b"without saving)\n" % reason,
            )

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    previous = {number: signal.signal(number, handle) for number in signals}
    try:
        yield _requests
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def stop_requested() -> bool:
    """Return whether a signal has asked the training in this process to stop."""
    return bool(_requests)
