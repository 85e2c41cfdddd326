"""IRS, the interventional robustness score (Suter et al. 2019, arXiv 1811.00007)."""

from dataclasses import dataclass

import numpy as np

from disentanglement.binning import equal_width_bins
from disentanglement.metrics.arrays import check, dead_codes
from disentanglement.metrics.result import Result

QUANTILE = 0.99  # of the deviations; 1 in the paper, .99 in disentanglement_lib


@dataclass(frozen=True)
class IRSResult(Result):
    """The result of `dlib_irs`.

    Attributes:
        score: Mean over codes, weighted by their largest deviation, in [0, 1].
        robustness: [K, F], 1 - the deviation of a code while a factor is fixed, as a share of its
            largest; 0 for codes that do not vary.
        largest_deviation: [K], of each code from its mean.
        dead_codes: The number of codes that do not vary; they are left out.
    """

    score: float
    robustness: np.ndarray
    largest_deviation: np.ndarray
    dead_codes: int


def dlib_irs(train_codes: np.ndarray, train_ids: np.ndarray) -> IRSResult:
    """Score how little each code moves while its best factor is fixed and the others vary.

    A factor is cut into 20 bins of equal width. In each bin, the 0.99 quantile of a code's
    absolute deviation from its mean in the bin is taken; their mean over bins, divided by the
    largest deviation of the code from its overall mean, is 1 - robustness. The score is the largest
    robustness of each code, averaged with the codes' largest deviations as weights; without a code
    that varies it is 0. `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    x, ids = check(train_codes=train_codes, train_ids=train_ids)
    dead = dead_codes(train_codes)
    largest = np.abs(x - x.mean(axis=0)).max(axis=0)
    robustness = np.zeros((x.shape[1], ids.shape[1]))
    for i, column in enumerate(ids.T):
        bins = equal_width_bins(column)
        deviations = []
        for value in np.unique(bins):
            inside = x[bins == value]
            away = np.abs(inside - inside.mean(axis=0))
            deviations.append(np.quantile(away, QUANTILE, axis=0))
        robustness[:, i] = 1 - np.mean(deviations, axis=0) / np.where(dead, 1, largest)
    robustness[dead] = 0
    weights = np.where(dead, 0, largest)
    score = np.average(robustness.max(axis=1), weights=weights) if weights.any() else 0
    return IRSResult(float(score), robustness, largest, int(dead.sum()))
