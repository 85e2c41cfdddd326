"""Choose images by their factors, for the metrics.

Works for any data set that holds every combination of its factors (`dataset.FactorGrid`).
"""

from collections.abc import Sequence

import numpy as np

from disentanglement.data.dataset import FactorGrid, MetricImages


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


def draw_metric_images(
    grid: FactorGrid, rng: np.random.Generator, groups: int, group_size: int, share: int
) -> MetricImages:
    """Choose the images of a full grid for the metrics of the paper's protocol.

    Args:
        grid: The data set. Factors with a single value are left out.
        rng: Makes the choices.
        groups: The number of groups of images that share a factor.
        group_size: The number of images in a group.
        share: The number of images in the reference and in the sample.
    """
    rows, labels = draw_groups(rng, grid.factor_sizes, groups, group_size)
    group = grid.index(rows.reshape(groups * group_size, -1)).reshape(groups, group_size)
    reference = rng.choice(int(np.prod(grid.factor_sizes)), share, replace=False)
    sample = draw(rng, grid.factor_sizes, share)
    kept = varying(grid.factor_sizes)
    return {
        "group": group,
        "group_labels": labels,
        "reference": reference,
        "sample": grid.index(sample),
        "factors": np.stack([grid.factor_values[i][sample[:, i]] for i in kept], axis=1),
        "factor_ids": sample[:, kept],
        "continuous": np.array([grid.continuous[i] for i in kept]),
        "factor_names": [grid.factor_names[i] for i in kept],
    }
