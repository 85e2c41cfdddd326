"""The progress of a run: a bar on a terminal, a line now and then elsewhere."""

import logging
import sys
import time

from tqdm import tqdm

log = logging.getLogger(__name__)

_SECONDS = 60  # between the lines where there is no terminal


class Progress:
    """Counts batches and shows the losses (every `.../loss` of the report) and the time left."""

    def __init__(self, total: int, done: int):
        self.total, self.done, self.first = total, done, done
        self.started = self.said = time.monotonic()
        self.bar = None
        if sys.stderr.isatty():
            self.bar = tqdm(total=total, initial=done, unit=" batches", dynamic_ncols=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.bar is not None:
            self.bar.close()

    def update(self, n: int, report: dict) -> None:
        """n more batches are done; `report` is the last one's."""
        self.done += n
        if self.bar is not None:
            self.bar.update(n)
            self.bar.set_postfix_str(_losses(report), refresh=False)
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
                _losses(report),
            )


def _losses(report):
    parts = [
        f"{name.split('/')[0]} {value:.3f}" for name, value in report.items() if "/loss" in name
    ]
    return ", ".join(parts)
