"""dHSIC, the joint dependence of codes (Pfister et al. 2018, arXiv 1603.00285, section 2)."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist, pdist

from disentanglement.metrics.arrays import ArrayError, check, dead_codes
from disentanglement.metrics.result import Result

SAMPLES = 5000  # rows used at most
_BLOCK = 512  # rows of a kernel matrix in memory at a time


@dataclass(frozen=True)
class DHSICResult(Result):
    """The result of `dhsic`.

    Attributes:
        score: 0 if the codes are independent, else larger.
        terms: [3], the summands of the score.
        bandwidths: [K], the kernel's bandwidth for each code.
        samples: The number of rows used.
        dead_codes: The number of codes that do not vary.
    """

    score: float
    terms: np.ndarray
    bandwidths: np.ndarray
    samples: int
    dead_codes: int


def dhsic(reference_codes: np.ndarray, seed: int = 0) -> DHSICResult:
    """Measure how far the codes are from being jointly independent.

    The kernel of a code is exp(-|a - b| / h^2), with h the median of |a - b| over all n^2 pairs.
    dHSIC is the mean of the product of the kernels, plus the product of their means, minus twice
    the mean over rows of the product of their row means. If h is 0 (more than half of all pairs
    are equal; NaN in the paper's code), the kernel is its limit: 1 for equal values, else 0. A code
    that does not vary therefore leaves the score of the other codes unchanged.

    Args:
        reference_codes: See `disentanglement.metrics`.
        seed: Draws 5,000 rows if there are more; the time grows with the square of their number.

    Raises:
        ArrayError: The array cannot be used.
    """
    (codes,) = check(reference_codes=reference_codes)
    dead = dead_codes(reference_codes)
    codes[:, dead] = 0  # remove rounding errors
    if len(codes) < 2:
        raise ArrayError("dhsic needs the codes of two images or more")
    if len(codes) > SAMPLES:
        codes = codes[np.random.default_rng(seed).choice(len(codes), SAMPLES, replace=False)]
    bandwidths = np.array([_median_distance(code) for code in codes.T])
    scaled = [_scaled(code, h) for code, h in zip(codes.T, bandwidths, strict=True)]
    joint, row_means = 0.0, np.empty((len(codes), len(scaled)))
    for start in range(0, len(codes), _BLOCK):
        rows = slice(start, start + _BLOCK)
        product = np.ones((len(codes[rows]), len(codes)))
        for j, code in enumerate(scaled):
            kernel = np.exp(-cdist(code[rows, None], code[:, None], "cityblock"))
            row_means[rows, j] = kernel.mean(axis=1)
            product *= kernel
        joint += product.sum()
    terms = np.array(
        [joint / len(codes) ** 2, row_means.mean(axis=0).prod(), -2 * row_means.prod(axis=1).mean()]
    )
    return DHSICResult(float(terms.sum()), terms, bandwidths, len(codes), int(dead.sum()))


def _median_distance(code: np.ndarray) -> float:
    """Return the median of |a - b| over all n^2 ordered pairs, from the distinct pairs."""
    n = len(code)
    distances = pdist(code[:, None], "cityblock")
    # Sorted, the n^2 distances are n zeros (a = b), then every distinct pair's distance twice.
    ranks = [(n * n - 1) // 2, n * n // 2]
    indices = [max(rank - n, 0) // 2 for rank in ranks]
    distances.partition(indices)
    middle = [distances[i] if rank >= n else 0 for i, rank in zip(indices, ranks, strict=True)]
    return float(np.mean(middle))


def _scaled(code: np.ndarray, bandwidth: float) -> np.ndarray:
    """Scale a code so that its kernel is exp(-|a - b|)."""
    if bandwidth**2 > 0:
        return code / bandwidth**2
    # exp(-1000) is 0: the kernel is 1 for equal values, else 0.
    return 1000.0 * np.unique(code, return_inverse=True)[1]
