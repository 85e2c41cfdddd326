"""dHSIC, the joint independence of codes (Pfister et al. 2018, arXiv 1603.00285, section 2)."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from disentanglement.metrics.arrays import ArrayError, check, dead_codes
from disentanglement.metrics.result import Result

SAMPLES = 5000
_BLOCK = 512  # rows of the kernel matrices held at a time


@dataclass(frozen=True)
class DHSICResult(Result):
    """score: 0 where the codes are independent; terms: [3], its summands. bandwidths: [K].

    samples: how many rows were used; dead_codes: how many codes do not vary.
    """

    score: float
    terms: np.ndarray
    bandwidths: np.ndarray
    samples: int
    dead_codes: int


def dhsic(reference_codes: np.ndarray, seed: int = 0) -> DHSICResult:
    """How far are the codes, taken together, from being independent?

    Kernel of a code: exp(-|a - b| / h^2), h the median of |a - b| over all n^2 pairs. dHSIC = mean
    of the product of the kernels + product of their means - 2 * mean over rows of the product of
    their row means. It takes n^2 time; of more than 5,000 rows, 5,000 are drawn with `seed`.
    Where h is 0 (more than half of all pairs are equal; NaN in the paper's code) the kernel is its
    limit: 1 for equal values, else 0. So a code that does not vary leaves the others' dHSIC as it
    is.

    See `disentanglement.metrics` for the array. Raises ArrayError if it does not fit.
    """
    (codes,) = check(reference_codes=reference_codes)
    dead = dead_codes(reference_codes)
    codes[:, dead] = 0  # without what rounding left of them
    if len(codes) < 2:
        raise ArrayError("dhsic needs the codes of two images or more")
    if len(codes) > SAMPLES:
        codes = codes[np.random.default_rng(seed).choice(len(codes), SAMPLES, replace=False)]
    bandwidths = np.array([_median_distance(code) for code in codes.T])
    scaled = [_scaled(code, h) for code, h in zip(codes.T, bandwidths, strict=True)]
    joint, row_means = 0.0, np.empty((len(codes), len(scaled)))
    for start in range(0, len(codes), _BLOCK):
        rows = slice(start, start + _BLOCK)
        product = 1.0
        for j, code in enumerate(scaled):
            kernel = np.exp(-cdist(code[rows, None], code[:, None], "cityblock"))
            row_means[rows, j] = kernel.mean(axis=1)
            product = product * kernel
        joint += product.sum()
    terms = np.array(
        [joint / len(codes) ** 2, row_means.mean(axis=0).prod(), -2 * row_means.prod(axis=1).mean()]
    )
    return DHSICResult(float(terms.sum()), terms, bandwidths, len(codes), int(dead.sum()))


def _median_distance(code):
    """The median of |a - b| over all n^2 ordered pairs, from the n (n - 1) / 2 distinct ones."""
    n = len(code)
    ordered = np.sort(code)
    distances = np.concatenate([ordered[i + 1 :] - ordered[i] for i in range(n - 1)])
    # In order, all pairs are n zeros (a = b), then each distance twice.
    places = [(n * n - 1) // 2, n * n // 2]
    indices = [max(place - n, 0) // 2 for place in places]
    distances.partition(indices)
    return np.mean([distances[i] if p >= n else 0 for i, p in zip(indices, places, strict=True)])


def _scaled(code, bandwidth):
    """The code such that the kernel is exp(-distance)."""
    if bandwidth**2 > 0:
        return code / bandwidth**2
    # exp(-1000) is 0: different values are far apart, equal ones together.
    return 1000.0 * np.unique(code, return_inverse=True)[1]
