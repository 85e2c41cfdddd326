"""The record of one evaluation, saved after every metric so that nothing is computed twice."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from disentanglement import records
from disentanglement.errors import UserError
from disentanglement.files import keep_old
from disentanglement.metrics.result import Result

log = logging.getLogger(__name__)


class Scorecard:
    """A record (a JSON value) of scores, their evidence and how they were made.

    identity: what makes two evaluations the same (seed, protocol, model), any JSON values. If
    `path` holds a record with this identity, it is continued; any other file there is kept under
    another name. say: takes a line for every result.

    The record: scores, by full name; skipped: metric -> why; the identity; metrics: metric ->
    scores, seconds, evidence, inputs (where its extra arrays came from), unconverged_fits (of its
    learner, if any); sessions: for every process that added to it, the versions, the hardware, the
    seconds of encoding, its metrics.
    """

    def __init__(
        self, path: Path | None, identity: Mapping[str, Any], say: Callable[[str], None] = log.info
    ):
        self.path, self.say = None if path is None else Path(path), say
        try:
            identity = json.loads(json.dumps(identity))
        except (TypeError, ValueError) as error:
            raise UserError(f"the description of the model must be JSON values: {error}") from error
        found = {} if self.path is None else records.read(self.path.parent, self.path.name)
        if found and not self._continues(found, identity):
            keep_old(self.path)
            found = {}
        self.record = {"scores": {}, "skipped": {}, **identity, "metrics": {}, "sessions": []}
        self.record |= found
        self._session = None

    def todo(self, metrics: Mapping[str, Callable]) -> dict[str, Callable]:
        """Those of `metrics` that the record does not hold yet."""
        return {name: m for name, m in metrics.items() if name not in self.record["metrics"]}

    def begin(self, encoding_seconds: float | None = None) -> None:
        """What is added from now on is this process's."""
        self._session = {
            "started": datetime.now().isoformat(timespec="seconds"),
            **records.environment(),
            "encoding_seconds": None if encoding_seconds is None else round(encoding_seconds, 3),
            "metrics": [],
        }
        self.record["sessions"].append(self._session)

    def add(
        self,
        name: str,
        result: Result,
        seconds: float,
        inputs: Mapping | None = None,
        unconverged: int = 0,
    ) -> None:
        """Enter a metric's result and save. unconverged: fits of its learner that gave up."""
        self.record["metrics"][name] = {
            "scores": result.scores(name),
            "seconds": round(seconds, 3),
            "evidence": result.evidence(),
            **({"inputs": dict(inputs)} if inputs else {}),
            **({"unconverged_fits": unconverged} if unconverged else {}),
        }
        self.record["scores"] |= result.scores(name)
        self.record["skipped"].pop(name, None)
        self._session["metrics"].append(name)
        self._save()
        for line in self.lines(name):
            self.say(line)

    def skip(self, name: str, why: str) -> None:
        """Enter that a metric could not run, and save."""
        self.record["skipped"][name] = why
        self._save()
        self.say(f"{name:40}  skipped: {why}")

    def lines(self, name: str) -> list[str]:
        """The scores of a metric, one a line."""
        entry = self.record["metrics"][name]
        dead = entry["evidence"].get("dead_codes")
        note = f"  {dead} codes do not vary" if dead else ""
        if fits := entry.get("unconverged_fits"):
            note += f"  {fits} fits of its learner did not converge"
        return [
            f"{score:40} {value:8.4f}  {entry['seconds']:6.1f} s{note}"
            for score, value in entry["scores"].items()
        ]

    def _continues(self, found, identity):
        kinds = {"scores": dict, "skipped": dict, "metrics": dict, "sessions": list}
        if not all(isinstance(found.get(key), kind) for key, kind in kinds.items()):
            return False
        return all(found.get(key) == value for key, value in identity.items())

    def _save(self):
        if self.path is not None:
            records.save(self.path.parent, self.record, self.path.name)
