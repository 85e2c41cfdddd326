"""Distances between generated and training images; they need no labels and no download.

These are the distances of FID (Heusel et al. 2017, arXiv 1706.08500) and KID (Binkowski et al.
2018, arXiv 1801.01401), but between features of a random network (networks/random_network.py)
instead of Inception's. They are comparable with one another, NOT with anyone's FID or KID.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.result import Result

_BLOCK = 1024  # rows of a kernel matrix in memory at a time


@dataclass(frozen=True)
class DistanceResult(Result):
    """The result of a distance metric.

    Attributes:
        distance: Between generated and training images; 0 is best.
        floor: The same between two samples of training images. No generator can be expected to
            score less.
        samples: The number of images in each sample.
    """

    SCORES: ClassVar[tuple[str, ...]] = ("distance", "floor")

    distance: float
    floor: float
    samples: int


def random_feature_frechet(
    generated_features: np.ndarray, training_features: np.ndarray
) -> DistanceResult:
    """Compute the Frechet distance between generated and training features.

    Biased upwards for small samples.

    Args:
        generated_features: [S, D].
        training_features: [T, D], T >= 2 S. The first S are compared with the generated ones and,
            for the floor, with the next S.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    return _distance_and_floor(generated_features, training_features, frechet_distance)


def random_feature_kid(
    generated_features: np.ndarray, training_features: np.ndarray
) -> DistanceResult:
    """Compute the kernel distance between generated and training features.

    The estimate is unbiased, so it may be below 0. Arguments are those of
    `random_feature_frechet`.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    return _distance_and_floor(generated_features, training_features, kernel_distance)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Frechet distance of normal distributions fitted to features [n, D] and [m, D].

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), with means m and covariances C.
    """
    c1 = np.atleast_2d(np.cov(a, rowvar=False, ddof=0))
    c2 = np.atleast_2d(np.cov(b, rowvar=False, ddof=0))
    values, vectors = np.linalg.eigh(c1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # (C1 C2)^(1/2) has the eigenvalues of (C1^(1/2) C2 C1^(1/2))^(1/2), which is symmetric.
    eigenvalues = np.linalg.eigvalsh(root @ c2 @ root)
    difference = a.mean(axis=0) - b.mean(axis=0)
    traces = np.trace(c1) + np.trace(c2)
    return float(difference @ difference + traces - 2 * np.sqrt(np.maximum(eigenvalues, 0)).sum())


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the unbiased squared maximum mean discrepancy of features [n, D] and [m, D].

    The kernel is (x.y / D + 1)^3.
    """
    n, m = len(a), len(b)
    within_a = (_kernel_sum(a, a) - _kernel_diagonal_sum(a)) / (n * (n - 1))
    within_b = (_kernel_sum(b, b) - _kernel_diagonal_sum(b)) / (m * (m - 1))
    return float(within_a + within_b - 2 * _kernel_sum(a, b) / (n * m))


def _distance_and_floor(
    generated: np.ndarray,
    training: np.ndarray,
    distance: Callable[[np.ndarray, np.ndarray], float],
) -> DistanceResult:
    generated, training = check(generated_features=generated, training_features=training)
    n = len(generated)
    if n < 2 or len(training) < 2 * n:
        raise ArrayError(
            f"training_features has {len(training)} rows, but {n} rows of generated_features need "
            f"{2 * max(n, 2)}"
        )
    first, second = training[:n], training[n : 2 * n]
    return DistanceResult(distance(generated, first), distance(second, first), n)


def _kernel_sum(a: np.ndarray, b: np.ndarray) -> float:
    blocks = (a[i : i + _BLOCK] for i in range(0, len(a), _BLOCK))
    return sum(((block @ b.T / a.shape[1] + 1) ** 3).sum() for block in blocks)


def _kernel_diagonal_sum(a: np.ndarray) -> float:
    return (((a**2).sum(axis=1) / a.shape[1] + 1) ** 3).sum()
