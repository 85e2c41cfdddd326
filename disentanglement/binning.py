"""Bins of equal width: how a continuous code or factor becomes a class."""

import numpy as np

BINS = 20  # as in the paper's code


def equal_width_bins(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the bin, 0 to bins - 1, of each of the values [n], from the least to the largest.

    The edges are those of `np.histogram` without the last, so that the largest value falls into
    the last bin.
    """
    edges = np.histogram_bin_edges(values, bins)[:-1]
    return np.digitize(values, edges) - 1
