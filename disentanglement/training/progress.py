"""The progress of a run: a bar on a terminal, elsewhere a line once a minute."""

import contextlib
import logging
import sys
import time
from collections.abc import Mapping

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

log = logging.getLogger(__name__)

_SECONDS = 60  # between the lines where there is no terminal


class Progress:
    """Counts batches and shows some of the model's values and the time left."""

    def __init__(self, total: int, done: int):
        self.total, self.done, self.first = total, done, done
        self.started = self.said = time.monotonic()
        self.bar: tqdm | None = None
        self._redirected = contextlib.ExitStack()

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            self.bar = self._redirected.enter_context(
                tqdm(total=self.total, initial=self.done, unit=" batches", dynamic_ncols=True)
            )
            self._redirected.enter_context(logging_redirect_tqdm())  # messages go above the bar
        return self

    def __exit__(self, *exception: object) -> None:
        self._redirected.close()

    def update(self, n: int, shown: Mapping[str, float]) -> None:
        """Count n more batches; `shown` are the last one's values, by label."""
        self.done += n
        text = ", ".join(f"{label} {value:.3f}" for label, value in shown.items())
        if self.bar is not None:
            self.bar.update(n)
            self.bar.set_postfix_str(text, refresh=False)
        elif time.monotonic() - self.said >= _SECONDS or self.done == self.total:
            self.said = time.monotonic()
            speed = (self.done - self.first) / (self.said - self.started)
            left = (self.total - self.done) / speed
            log.info(
                "batch %d of %d, %.1f a second, %s left, %s",
                self.done,
                self.total,
                speed,
                tqdm.format_interval(left),
                text,
            )
