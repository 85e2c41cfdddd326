"""How far generated images are from training images, without labels and without a download.

The distances of FID (Heusel et al. 2017, arXiv 1706.08500) and KID (Binkowski et al. 2018, arXiv
1801.01401), but between the features of a random network (`disentanglement.random_network`), not
Inception's: the numbers are NOT comparable with anyone's FID or KID, only with one another.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.result import Result

_BLOCK = 1024  # rows of the kernel matrices held at a time


@dataclass(frozen=True)
class DistanceResult(Result):
    """distance: 0 is best. floor: the same distance between two samples of the training images, as
    large as that of the generated ones: nothing can be expected to get below. samples: their size.
    """

    SCORES: ClassVar[tuple[str, ...]] = ("distance", "floor")

    distance: float
    floor: float
    samples: int


def random_feature_frechet(
    generated_features: np.ndarray, training_features: np.ndarray
) -> DistanceResult:
    """Frechet distance of two normal distributions with the features' means and covariances.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); generated_features [S, D], training_features [T, D]
    with T >= 2 S: the first S are compared with the generated ones, the next S with the first, for
    the floor. Biased upwards for small S. Raises ArrayError if the arrays do not fit.
    """
    return _both(generated_features, training_features, frechet)


def random_feature_kid(
    generated_features: np.ndarray, training_features: np.ndarray
) -> DistanceResult:
    """Squared maximum mean discrepancy, kernel (x.y / D + 1)^3; unbiased, so it may be below 0.

    Arrays and floor as in `random_feature_frechet`.
    """
    return _both(generated_features, training_features, kernel_distance)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """The Frechet distance of features [n, D] and [m, D], taken as normally distributed."""
    ours, theirs = np.cov(a, rowvar=False, ddof=0), np.cov(b, rowvar=False, ddof=0)
    values, vectors = np.linalg.eigh(np.atleast_2d(ours))
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # (C1 C2)^(1/2) has the eigenvalues of (C1^(1/2) C2 C1^(1/2))^(1/2), which is symmetric.
    shared = np.linalg.eigvalsh(root @ np.atleast_2d(theirs) @ root)
    trace = np.trace(np.atleast_2d(ours)) + np.trace(np.atleast_2d(theirs))
    difference = a.mean(axis=0) - b.mean(axis=0)
    return float(difference @ difference + trace - 2 * np.sqrt(np.maximum(shared, 0)).sum())


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The unbiased squared maximum mean discrepancy of features [n, D] and [m, D]."""
    n, m = len(a), len(b)
    same = (_kernel_sum(a, a) - _diagonal(a)) / (n * (n - 1))
    other = (_kernel_sum(b, b) - _diagonal(b)) / (m * (m - 1))
    return float(same + other - 2 * _kernel_sum(a, b) / (n * m))


def _both(generated, training, distance):
    generated, training = check(generated_features=generated, training_features=training)
    n = len(generated)
    if n < 2 or len(training) < 2 * n:
        raise ArrayError(
            f"training_features: {2 * max(n, 2)} rows are needed for {n} generated ones, not "
            f"{len(training)}"
        )
    first, second = training[:n], training[n : 2 * n]
    return DistanceResult(distance(generated, first), distance(second, first), n)


def _kernel_sum(a, b):
    blocks = (a[i : i + _BLOCK] for i in range(0, len(a), _BLOCK))
    return sum(((block @ b.T / a.shape[1] + 1) ** 3).sum() for block in blocks)


def _diagonal(a):
    return (((a**2).sum(axis=1) / a.shape[1] + 1) ** 3).sum()
