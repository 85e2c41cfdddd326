"""Mutual information between codes and factors, which MIG and Modularity share."""

import numpy as np
from scipy.special import entr

from disentanglement.binning import equal_width_bins
from disentanglement.metrics.arrays import dead_codes

_ROUNDING = 1e-12  # nats; less than this is no information


def mutual_information(codes: np.ndarray, factor_ids: np.ndarray) -> np.ndarray:
    """In nats, [K, F]: each code, cut into 20 bins of equal width, with each factor.

    codes [N, K] numbers, factor_ids [N, F] integer. A code that does not vary has 0.
    """
    table = np.zeros((np.shape(codes)[1], factor_ids.shape[1]))
    classes = [np.unique(column, return_inverse=True)[1] for column in factor_ids.T]
    for j in np.flatnonzero(~dead_codes(codes)):
        bins = equal_width_bins(np.asarray(codes)[:, j].astype(np.float64))
        for i, column in enumerate(classes):
            joint = np.bincount(bins * (column.max() + 1) + column, minlength=1)
            joint = np.pad(joint, (0, -len(joint) % (column.max() + 1)))
            joint = joint.reshape(-1, column.max() + 1) / len(codes)
            marginals = entr(joint.sum(axis=0)).sum() + entr(joint.sum(axis=1)).sum()
            table[j, i] = marginals - entr(joint).sum()
    return np.where(table > _ROUNDING, table, 0)


def entropy(factor_ids: np.ndarray) -> np.ndarray:
    """The entropy of each factor, in nats: factor_ids [N, F] -> [F]."""
    shares = (np.unique(column, return_counts=True)[1] / len(column) for column in factor_ids.T)
    return np.array([entr(share).sum() for share in shares])
