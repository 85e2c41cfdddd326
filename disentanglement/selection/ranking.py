"""Order models by a score, and compare two orders."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from disentanglement.metrics.arrays import ArrayError
from disentanglement.wording import counted

_SAME = 1e-9  # scores closer than that do not tell models apart


def check_several(count: int) -> None:
    """Raise ArrayError unless there are at least two models to choose from."""
    if count < 2:
        raise ArrayError(
            f"choosing without labels compares models with each other: {counted(count, 'model')} "
            "cannot be compared, train at least 2"
        )


def ranking(scores: ArrayLike) -> list[int]:
    """Return the positions of the scores [n], best first; of equal ones, the first comes first.

    Scores are equal if they differ by rounding errors only.
    """
    falling = -np.asarray(scores, np.float64)
    order = np.argsort(falling)
    places = np.empty(len(order), int)
    places[order] = np.cumsum(np.diff(falling[order], prepend=falling[order[:1]]) > _SAME)
    return np.argsort(places, kind="stable").tolist()


def are_tied(scores: ArrayLike) -> bool:
    """Whether all scores are the same, so that choosing the first is arbitrary."""
    return bool(np.ptp(np.asarray(scores, np.float64)) <= _SAME)


def rank_correlation(one: ArrayLike, other: ArrayLike) -> float:
    """Return Spearman's correlation of two scores of n models; NaN if it is undefined.

    It is undefined for fewer than three models, and if either score is the same for all of them.
    """
    a, b = (rankdata(scores) for scores in (one, other))
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
