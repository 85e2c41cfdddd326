"""What a metric returns."""

import dataclasses
from typing import Any, ClassVar

import numpy as np


@dataclasses.dataclass(frozen=True)
class Result:
    """Base of the metrics' results: the fields named in SCORES are scores, the others evidence."""

    SCORES: ClassVar[tuple[str, ...]] = ("score",)

    def scores(self, name: str) -> dict[str, float]:
        """The scores under their full names: the metric's name, with the field's if several."""
        if self.SCORES == ("score",):
            return {name: self.score}
        return {f"{name}.{field}": getattr(self, field) for field in self.SCORES}

    def evidence(self) -> dict[str, Any]:
        """The other fields, as JSON values."""
        return {
            field.name: np.asarray(getattr(self, field.name)).tolist()
            for field in dataclasses.fields(self)
            if field.name not in self.SCORES
        }


@dataclasses.dataclass(frozen=True)
class PlainResult(Result):
    """The result of a metric that returns a number only."""

    score: float
