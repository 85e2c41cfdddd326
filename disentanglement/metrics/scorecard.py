"""The record of one evaluation, saved after every metric so that nothing is computed twice."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from disentanglement import record
from disentanglement.files import keep_old
from disentanglement.metrics.result import Result

log = logging.getLogger(__name__)


class Scorecard:
    """A record (a JSON value) of scores, their evidence and how they were made.

    identity: what makes two evaluations the same (seed, protocol, model). If `path` holds a record
    with this identity, it is continued; any other record there is kept under another name.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Any]):
        self.path = None if path is None else Path(path)
        found = {} if self.path is None else record.read(self.path.parent, self.path.name)
        if found and any(found.get(key) != value for key, value in identity.items()):
            keep_old(self.path)
            found = {}
        self.record = {
            "scores": {},
            "skipped": {},
            **identity,
            "encoding_seconds": None,
            "metrics": {},
        } | found

    def todo(self, metrics: Mapping[str, Callable]) -> dict[str, Callable]:
        """Those of `metrics` that the record does not hold yet."""
        return {name: m for name, m in metrics.items() if name not in self.record["metrics"]}

    def note(self, key: str, seconds: float) -> None:
        self.record[key] = round(seconds, 3)

    def add(self, name: str, result: Result, seconds: float) -> None:
        """Enter a metric's result and save."""
        self.record["metrics"][name] = {
            "scores": result.scores(name),
            "seconds": round(seconds, 3),
            "evidence": result.evidence(),
        }
        self.record["scores"] |= result.scores(name)
        self.record["skipped"].pop(name, None)
        for score, value in result.scores(name).items():
            log.info("  %-40s %8.4f  (%.1f s)", score, value, seconds)
        self._save()

    def skip(self, name: str, why: str) -> None:
        """Enter that a metric could not run, and save."""
        self.record["skipped"][name] = why
        log.warning("  %-40s  skipped: %s", name, why)
        self._save()

    def save_as(self, path: Path) -> None:
        """Write the record to a file, with the time and the versions of this process."""
        self.record |= {
            "finished": datetime.now().isoformat(timespec="seconds"),
            **record.environment(),
        }
        record.save(path.parent, self.record, path.name)

    def _save(self):
        if self.path is not None:
            self.save_as(self.path)
