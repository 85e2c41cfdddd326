"""Choosing images by their factors, for the metrics. Works on any full grid of factors.

A data set here has `factor_sizes` and `index(factors) -> image numbers`.
"""

import numpy as np


def varying(factor_sizes) -> list[int]:
    """The positions of the factors that take more than one value."""
    return [i for i, size in enumerate(factor_sizes) if size > 1]


def draw(rng: np.random.Generator, factor_sizes, n: int) -> np.ndarray:
    """n rows of factor classes [n, F], each factor uniform and independent."""
    return np.stack([rng.integers(size, size=n) for size in factor_sizes], axis=1)


def draw_groups(rng: np.random.Generator, factor_sizes, groups: int, group_size: int):
    """Groups of rows in which one factor is fixed at a random value and the rest vary freely.

    Group i fixes the (i mod K)-th of the K factors that vary. Returns factor classes
    [groups, group_size, F] and labels [groups], the position of the fixed factor among those K.
    """
    candidates = varying(factor_sizes)
    labels = np.arange(groups) % len(candidates)
    rows = draw(rng, factor_sizes, groups * group_size).reshape(groups, group_size, -1)
    for row, label in zip(rows, labels, strict=True):
        row[:, candidates[label]] = row[0, candidates[label]]
    return rows, labels
