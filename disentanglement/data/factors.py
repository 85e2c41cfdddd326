"""Choose images by their factors, for the metrics.

Works for any data set that holds every combination of its factors (`dataset.FactorGrid`).
"""

from collections.abc import Sequence

import numpy as np


def varying(factor_sizes: Sequence[int]) -> list[int]:
    """Return the positions of the factors that take more than one value."""
    return [i for i, size in enumerate(factor_sizes) if size > 1]


def draw(rng: np.random.Generator, factor_sizes: Sequence[int], n: int) -> np.ndarray:
    """Draw n rows of factor classes [n, F], each factor uniformly and independently."""
    return np.stack([rng.integers(size, size=n) for size in factor_sizes], axis=1)


def draw_groups(
    rng: np.random.Generator, factor_sizes: Sequence[int], groups: int, group_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw groups of rows that share the value of one factor, while the others vary.

    Of the K factors that vary, group i fixes factor i mod K at a random value.

    Returns:
        Factor classes [groups, group_size, F] and labels [groups], the position of the fixed
        factor among the K.
    """
    candidates = varying(factor_sizes)
    labels = np.arange(groups) % len(candidates)
    rows = draw(rng, factor_sizes, groups * group_size).reshape(groups, group_size, -1)
    for row, label in zip(rows, labels, strict=True):
        row[:, candidates[label]] = row[0, candidates[label]]
    return rows, labels
