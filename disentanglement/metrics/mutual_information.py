"""Mutual information between codes and factors, for MIG and Modularity."""

import numpy as np
from scipy import stats
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from disentanglement.binning import equal_width_bins
from disentanglement.metrics.arrays import dead_codes

_ROUNDING = 1e-12  # nats; smaller values are rounding errors


def mutual_information(codes: np.ndarray, factor_ids: np.ndarray) -> np.ndarray:
    """Return the mutual information of each code with each factor: [K, F], in nats.

    A code is cut into 20 bins of equal width between its smallest and largest value. A code that
    does not vary has no information.

    Args:
        codes: [N, K], numbers.
        factor_ids: [N, F], integer classes.
    """
    codes = np.asarray(codes)
    information = np.zeros((codes.shape[1], factor_ids.shape[1]))
    for j in np.flatnonzero(~dead_codes(codes)):
        bins = equal_width_bins(codes[:, j].astype(np.float64))
        for i, classes in enumerate(factor_ids.T):
            # Passing counts instead of labels skips a slow validation of the labels.
            counts = contingency_matrix(bins, classes)
            information[j, i] = mutual_info_score(None, None, contingency=counts)
    return np.where(information > _ROUNDING, information, 0)


def entropy(factor_ids: np.ndarray) -> np.ndarray:
    """Return the entropy of each factor: [F], in nats, of integer classes [N, F]."""
    counts = (np.unique(classes, return_counts=True)[1] for classes in factor_ids.T)
    return np.array([stats.entropy(count) for count in counts])
