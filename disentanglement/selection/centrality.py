"""ModelCentrality (Lin et al. 2020, arXiv 1906.06034, section 5)."""

import numpy as np
from numpy.typing import ArrayLike

from disentanglement.metrics.arrays import ArrayError
from disentanglement.selection.ranking import check_several


def symmetric(scores: ArrayLike) -> np.ndarray:
    """Return the mean of pairwise scores [n, n] and their transpose.

    Raises:
        ArrayError: They are not a square matrix of finite numbers, or of fewer than two models.
    """
    matrix = np.asarray(scores, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ArrayError(f"the scores must be a square matrix [n, n], not {matrix.shape}")
    check_several(len(matrix))
    others = ~np.eye(len(matrix), dtype=bool)
    if len(bad := np.argwhere(others & ~np.isfinite(matrix))):
        i, j = bad[0].tolist()
        raise ArrayError(f"the score of encoder {i} on the images of generator {j} is not finite")
    return (matrix + matrix.T) / 2


def centralities(scores: ArrayLike) -> np.ndarray:
    """Return how well each of n models agrees with the others, on average: [n].

    The most central model is the one to choose: disentangled models resemble each other up to the
    order and the signs of their codes, while every entangled one is entangled in its own way.

    Args:
        scores: [n, n]; row i, column j: the FactorVAE metric of encoder i on images that generator
            j made, labelled by the code that each group of images shares. The diagonal is ignored.

    Raises:
        ArrayError: The scores cannot be used, see `symmetric`.
    """
    matrix = symmetric(scores)
    np.fill_diagonal(matrix, 0)
    return matrix.sum(axis=1) / (len(matrix) - 1)
