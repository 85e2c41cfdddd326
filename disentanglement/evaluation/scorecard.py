"""The record of one evaluation, saved after every metric so that nothing is computed twice."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from disentanglement import records
from disentanglement.errors import UserError
from disentanglement.evaluation import fingerprints
from disentanglement.files import keep_old
from disentanglement.metrics.metric import MetricFunction
from disentanglement.metrics.result import Result
from disentanglement.wording import counted

log = logging.getLogger(__name__)


class Scorecard:
    """A record (a JSON value) of scores, their evidence and how they were computed.

    The record holds:
        scores: Each score by its full name.
        skipped: Metric -> why it could not run.
        metrics: Metric -> its scores, seconds and evidence; `inputs`, the sources of its computed
            arrays, and `unconverged_fits`, the number of its fits that did not converge, if any.
        fingerprint: See `fingerprints`; only where images were encoded.
        sessions: For each process that added to it: versions, hardware, the seconds of encoding
            and the metrics it ran.
        The keys of `identity`.

    Args:
        path: The record's file, or None to keep it in memory. A record there with the same
            identity is continued.
        identity: What makes two evaluations the same (seed, protocol, model, fingerprint), as
            JSON values.
        say: Called with a line for each result.
        overwrite: Rename any other file at `path` and start anew, instead of raising UserError.

    Raises:
        UserError: `identity` is not JSON, or the file is damaged or holds something else.
    """

    def __init__(
        self,
        path: Path | None,
        identity: Mapping[str, Any],
        say: Callable[[str], None] = log.info,
        overwrite: bool = False,
    ):
        self.path, self.say = None if path is None else Path(path), say
        try:
            identity = json.loads(json.dumps(identity))
        except (TypeError, ValueError) as error:
            raise UserError(f"the description of the model must be JSON values: {error}") from error
        self.record = {"scores": {}, "skipped": {}, **identity, "metrics": {}, "sessions": []}
        if self.path is not None:
            found = records.read(self.path.parent, self.path.name)
            if found and (why := _difference(found, identity)):
                if not overwrite:
                    raise UserError(
                        f"{self.path}: {why}: choose another file, or pass overwrite=True (the "
                        "old one is then kept under another name)"
                    )
                self.say(f"{self.path} {why}; it is now {keep_old(self.path)}")
            else:
                # What identifies an evaluation may have been noted less fully by earlier versions.
                self.record |= {**found, **identity}
        self._session: dict[str, Any] | None = None

    def todo(self, metrics: Mapping[str, MetricFunction]) -> dict[str, MetricFunction]:
        """Return those of `metrics` that the record does not hold yet."""
        return {name: m for name, m in metrics.items() if name not in self.record["metrics"]}

    def begin(self, encoding_seconds: float | None = None) -> None:
        """Start this process's session, to which `add` records results.

        Args:
            encoding_seconds: The seconds it took to encode the images, if any were encoded.
        """
        self._session = {
            "started": records.now(),
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
        inputs: Mapping[str, Any] | None = None,
        unconverged: int = 0,
    ) -> None:
        """Record a metric's result and save.

        Args:
            name: The metric's name.
            result: Its result.
            seconds: How long it took.
            inputs: The sources of its computed arrays, by name.
            unconverged: The number of its learner's fits that did not converge.
        """
        assert self._session is not None, "call `begin` first"
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
        """Record that a metric could not run, and save."""
        self.record["skipped"][name] = why
        self._save()
        self.say(f"{name:40}  skipped: {why}")

    def lines(self, name: str) -> list[str]:
        """Return a line of text for each score of a metric."""
        entry = self.record["metrics"][name]
        dead = entry["evidence"].get("dead_codes")
        note = f"  {remark}" if (remark := entry["evidence"].get("note")) else ""
        note += f"  {counted(dead, 'code does', 'codes do')} not vary" if dead else ""
        if fits := entry.get("unconverged_fits"):
            note += f"  {counted(fits, 'fit')} of its learner did not converge"
        return [
            f"{score:40} {value:8.4f}  {entry['seconds']:6.1f} s{note}"
            for score, value in entry["scores"].items()
        ]

    def _save(self) -> None:
        if self.path is not None:
            records.save(self.path.parent, self.record, self.path.name)


def _difference(record: dict[str, Any], identity: Mapping[str, Any]) -> str | None:
    """Return how a record differs from what is to be scored; None if it can be continued."""
    kinds = {"scores": dict, "skipped": dict, "metrics": dict, "sessions": list}
    if not all(isinstance(record.get(key), kind) for key, kind in kinds.items()):
        return "is not a record of scores"
    for key, value in identity.items():
        if key == "fingerprint":
            if not fingerprints.same(record, value):
                return "holds the scores of another encoder, or on other images"
        elif record.get(key) != value:
            return f"holds scores of another {key}"
    return None
