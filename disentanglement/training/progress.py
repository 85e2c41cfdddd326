"""The progress of a run: a bar on a terminal, a line a minute elsewhere."""

import contextlib
import logging
import sys
import time
from collections.abc import Mapping

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

log = logging.getLogger(__name__)

_SECONDS = 60  # between two lines


class Progress:
    """Count batches, and show some losses and the remaining time.

    Args:
        total: Batches in the run.
        done: Batches that are already trained.
    """

    def __init__(self, total: int, done: int):
        self.total, self.done, self.first = total, done, done
        self.started = self.last_line = time.monotonic()
        self.bar: tqdm | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            self.bar = self._stack.enter_context(
                tqdm(total=self.total, initial=self.done, unit=" batches", dynamic_ncols=True)
            )
            self._stack.enter_context(logging_redirect_tqdm())  # messages appear above the bar
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def update(self, n: int, shown: Mapping[str, float]) -> None:
        """Count n more batches and show values of the last one, by label."""
        self.done += n
        text = ", ".join(f"{label} {value:.3f}" for label, value in shown.items())
        if self.bar is not None:
            self.bar.update(n)
            self.bar.set_postfix_str(text, refresh=False)
        elif time.monotonic() - self.last_line >= _SECONDS or self.done == self.total:
            self.last_line = time.monotonic()
            speed = (self.done - self.first) / (self.last_line - self.started)
            log.info(
                "batch %d of %d, %.1f a second, %s left, %s",
                self.done,
                self.total,
                speed,
                tqdm.format_interval((self.total - self.done) / speed),
                text,
            )
