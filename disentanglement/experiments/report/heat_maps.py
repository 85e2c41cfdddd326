"""The matrices behind scores, code by factor: votes, importances, mutual information."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from disentanglement import records
from disentanglement.evaluation.score_records import Record

# The evidence to show, in this order, with the words for it.
_MATRICES = {
    "votes": "votes",
    "importance": "importance",
    "mutual_information": "mutual information",
    "predictability": "predictability",
}


@dataclass(frozen=True)
class HeatMap:
    """A matrix to show as a table of shaded cells.

    Attributes:
        title: What it is, e.g. "votes (factor_vae)".
        codes: The names of its rows.
        factors: The names of its columns.
        cells: For each cell, row by row, its text and its shade in per cent of the largest value.
    """

    title: str
    codes: tuple[str, ...]
    factors: tuple[str, ...]
    cells: tuple[tuple[tuple[str, int], ...], ...]


def heat_maps(record: Record) -> list[HeatMap]:
    """Return the matrices in a record's evidence, equal ones once."""
    factors = records.part(record, "protocol").get("factors")
    found: dict[tuple[str, bytes], tuple[list[str], np.ndarray]] = {}
    for name, metric, matrix in _matrices(record):
        key = (name, matrix.tobytes())
        metrics = found.setdefault(key, ([], matrix))[0]
        metrics.append(metric)
    return [
        _heat_map(f"{_MATRICES[name]} ({', '.join(metrics)})", matrix, factors)
        for (name, _), (metrics, matrix) in found.items()
    ]


def _matrices(record: Record) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield each matrix, preceded by its name in the evidence and that of its metric."""
    for name in _MATRICES:
        for metric, entry in records.part(record, "metrics").items():
            evidence = records.part(entry, "evidence") if isinstance(entry, dict) else {}
            try:
                matrix = np.array(evidence.get(name), dtype=float)
            except (TypeError, ValueError):  # not a matrix of numbers
                continue
            if matrix.ndim == 2 and matrix.size:
                yield name, metric, matrix


def _heat_map(title: str, matrix: np.ndarray, factors: object) -> HeatMap:
    codes, count = matrix.shape
    names = tuple(f"factor {k}" for k in range(count))
    if isinstance(factors, list) and len(factors) == count:
        names = tuple(map(str, factors))
    finite = matrix[np.isfinite(matrix)]
    largest = float(finite.max(initial=0))
    whole = bool((finite == np.floor(finite)).all()) and largest > 1
    rows = (tuple((_text(v, whole), _shade(v, largest)) for v in row) for row in matrix.tolist())
    return HeatMap(title, tuple(f"code_{j}" for j in range(codes)), names, tuple(rows))


def _text(value: float, whole: bool) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else str(value)
    return f"{value:.0f}" if whole else f"{value:.2f}"


def _shade(value: float, largest: float) -> int:
    if not math.isfinite(value) or largest <= 0:
        return 0
    return round(100 * min(max(value / largest, 0), 1))
