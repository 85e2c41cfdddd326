"""The FactorVAE metric of every encoder on every generator's images: what ModelCentrality takes.

Each run has a file with its column of the matrix: how encoders score on the images that its
generator makes. The file is saved after every score, so that a killed process loses one at most;
and scores are known by the encoder's weights, so that more runs can be compared later.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from disentanglement import records
from disentanglement.console import progress_bar
from disentanglement.errors import UserError
from disentanglement.evaluation.generated_sets import MEMORY_GB, SetSize, generated_set
from disentanglement.files import keep_old
from disentanglement.metrics.arrays import ArrayError
from disentanglement.metrics.factor_vae_metric import factor_vae

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

FILE = "cross_scores.json"
_DIGITS = 3  # of seconds


@dataclass(frozen=True)
class Candidate:
    """A trained model to choose, or not to choose.

    Attributes:
        name: The name of its run's folder.
        run: Its run number, the seed of its set.
        weights: A fingerprint of its weights, and of the kind of codes if there are several.
        load: Returns it with its weights.
        config: Its config, as records hold it.
        batches: How long it was trained; None if unknown.
        data: What identifies its data set, see `feed.identity`.
        scores: Its supervised scores, by name; {} if it was never scored.
        checkpoint: The fingerprint by which score records know it.
    """

    name: str
    run: int
    weights: str
    load: Callable[[], "Model"]
    config: Mapping[str, Any]
    batches: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    checkpoint: str | None = None


class Column:
    """The scores of encoders on the images of one generator, in a file.

    Args:
        path: The file. One that is about other weights or another size is set aside by `begin`.
        generator: Whose images they are.
        size: How many images the set has.
    """

    def __init__(self, path: Path, generator: Candidate, size: SetSize):
        self.path = path
        self.identity = {
            "generator": {
                "name": generator.name,
                "run": generator.run,
                "weights": generator.weights,
            },
            "set": size.record(),
        }
        found = records.read(path.parent, path.name)
        self._is_ours = all(found.get(key) == value for key, value in self.identity.items())
        self.record: dict[str, Any] = (
            found if self._is_ours else {**self.identity, "cells": {}, "sessions": []}
        )

    @property
    def cells(self) -> dict[str, dict[str, Any]]:
        """The scores with their evidence, by the encoder's weights."""
        return self.record["cells"]

    def missing(self, encoders: Sequence[Candidate]) -> list[Candidate]:
        """Return the encoders that have no score yet."""
        return [each for each in encoders if each.weights not in self.cells]

    def begin(self) -> None:
        """Set a file about something else aside, and note this process."""
        if not self._is_ours and self.path.exists():
            keep_old(self.path)
        self.record["sessions"].append({"started": records.now(), **records.environment()})

    def add(self, encoder: Candidate, cell: dict[str, Any]) -> None:
        """Record an encoder's score, and save."""
        self.cells[encoder.weights] = {"name": encoder.name, "run": encoder.run, **cell}
        records.save(self.path.parent, self.record, self.path.name)


def score_column(
    path: Path,
    generator: Candidate,
    encoders: Sequence[Candidate],
    size: SetSize,
    memory_gb: float = MEMORY_GB,
) -> Column:
    """Score the encoders that the file lacks on the generator's images; return all scores.

    Raises:
        UserError: A model makes images or codes that are not finite, or files cannot be written.
    """
    column = Column(path, generator, size)
    todo = column.missing(encoders)
    if not todo:
        return column
    column.begin()
    total = size.images * (1 + len(todo))
    with progress_bar(total, "images", f"set of {generator.name}", passing=True) as bar:
        maker = generator.load()
        with generated_set(maker, size, path.parent, memory_gb, bar.update) as made:
            for encoder in todo:
                bar.set_description(f"{encoder.name} on the set of {generator.name}")
                start = time.perf_counter()
                model = maker if encoder is generator else encoder.load()
                try:
                    result = factor_vae(**made.encode(model.encode, bar.update))
                except ArrayError as error:
                    raise UserError(
                        f"encoder of {encoder.name}, on images of {generator.name}: {error}: leave "
                        "the run out"
                    ) from error
                seconds = round(time.perf_counter() - start, _DIGITS)
                cell = {"score": result.score, **result.evidence(), "seconds": seconds}
                column.add(encoder, cell)
    return column


def matrix(columns: Sequence[Column], encoders: Sequence[Candidate]) -> np.ndarray:
    """Return the scores [encoders, columns]; NaN where one is missing."""
    found = [
        [column.cells.get(each.weights, {}).get("score", np.nan) for column in columns]
        for each in encoders
    ]
    return np.array(found, np.float64)
