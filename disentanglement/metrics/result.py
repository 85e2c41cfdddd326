"""The results that metrics return."""

import dataclasses
from typing import Any, ClassVar

import numpy as np


@dataclasses.dataclass(frozen=True)
class Result:
    """Base class of results: the fields named in SCORES are scores, all others are evidence."""

    SCORES: ClassVar[tuple[str, ...]] = ("score",)

    def scores(self, name: str) -> dict[str, float]:
        """Return the scores of metric `name` by full name: "mig", "dci_rf.completeness"."""
        single = self.SCORES == ("score",)
        return {
            name if single else f"{name}.{field}": getattr(self, field) for field in self.SCORES
        }

    def evidence(self) -> dict[str, Any]:
        """Return all other fields as JSON values."""
        return {
            field.name: np.asarray(getattr(self, field.name)).tolist()
            for field in dataclasses.fields(self)
            if field.name not in self.SCORES
        }


@dataclasses.dataclass(frozen=True)
class PlainResult(Result):
    """The result of a metric that returns just a number."""

    score: float
