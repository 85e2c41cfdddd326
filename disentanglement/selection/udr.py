"""UDR, the Unsupervised Disentanglement Ranking (Duan et al. 2020, arXiv 1905.12614).

With the settings of disentanglement_lib's implementation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.linear_model import Lasso

from disentanglement.metrics.arrays import ArrayError, check, dead_codes
from disentanglement.selection.ranking import check_several
from disentanglement.wording import counted

IMAGES = 1000  # whose codes are compared
KL_THRESHOLD = 0.01  # a latent with less, on average, says nothing about the image
_ALPHA = 0.1  # weight of the Lasso's penalty

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class UDRResult:
    """The result of `udr` for n models.

    Attributes:
        pairs: [n, n]; row i, column j: how well the latents of model i and j correspond, where
            those of i predict those of j. The diagonal is 0.
        scores: [n], the median over i of column j without the diagonal; between 0 and 1.
        used: Which latents of each model were compared.
        dead: How many latents of each model do not vary on these images.
    """

    pairs: np.ndarray
    scores: np.ndarray
    used: list[np.ndarray]
    dead: list[int]


def udr(
    codes: Sequence[ArrayLike],
    method: str = "lasso",
    informative: Sequence[ArrayLike | None] | None = None,
    names: Sequence[str] | None = None,
    progress: Progress = lambda done, total: None,
) -> UDRResult:
    """Score models by how well their latents correspond, one to one, to those of the others.

    Args:
        codes: For each of n models, its codes of the same images in the same order, [N, K]; K may
            differ. Latents that do not vary are left out.
        method: "lasso" or "spearman", see `RELATIONS`.
        informative: For each model, which of its latents to use, bool [K] (see `informative_by_kl`)
            or None for all.
        names: What errors call the models; "model 0", "model 1", ... by default.
        progress: Called with (pairs done, pairs in all).

    Raises:
        ArrayError: The codes cannot be used, or are of different images.
    """
    relation = RELATIONS[method]
    names = names or [f"model {i}" for i in range(len(codes))]
    arrays = [_checked(name, each) for name, each in zip(names, codes, strict=True)]
    check_several(len(arrays))
    for name, array in zip(names, arrays, strict=True):
        if len(array) != len(arrays[0]):
            raise ArrayError(
                f"{name}: its codes are of {counted(len(array), 'image')}, those of {names[0]} of "
                f"{len(arrays[0]):,}: encode the same images with all models"
            )
    dead = [dead_codes(np.asarray(each)) for each in codes]
    masks = [None] * len(arrays) if informative is None else informative
    used = [~d if m is None else ~d & _mask(m, d) for d, m in zip(dead, masks, strict=True)]
    standard = [
        (array[:, mask] - array[:, mask].mean(axis=0)) / array[:, mask].std(axis=0)
        for array, mask in zip(arrays, used, strict=True)
    ]
    n = len(standard)
    pairs = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j and used[i].any() and used[j].any():
                pairs[i, j] = correspondence(relation(standard[i], standard[j]))
            progress(i * n + j + 1, n * n)
    others = ~np.eye(n, dtype=bool)
    scores = np.array([np.median(pairs[others[:, j], j]) for j in range(n)])
    return UDRResult(pairs, scores, used, [int(each.sum()) for each in dead])


def correspondence(relation: ArrayLike) -> float:
    """Return how near a relation of latents is to one-to-one: the UDR of a pair, in [0, 1].

    Args:
        relation: [A, B], 0 or more: how strongly latent a of one model and b of another are
            related. Each latent's largest relation is squared and divided by the sum of its
            relations, which gives 0 where there is none; the mean over a and the mean over b are
            averaged. With relations up to 1, the result is at most 1.
    """
    matrix = np.asarray(relation, np.float64)
    if not matrix.size:
        return 0.0
    means = []
    for axis in (0, 1):
        largest, total = matrix.max(axis=axis), matrix.sum(axis=axis)
        means.append(np.mean(largest**2 / np.where(total > 0, total, 1)))
    return float(np.mean(means))


def lasso_relation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return |weight| of each latent of `one` in a Lasso that predicts each of `other`: [A, B].

    Args:
        one: Standardised codes, [N, A].
        other: Standardised codes of the same images, [N, B].
    """
    weights = Lasso(alpha=_ALPHA).fit(one, other).coef_
    return np.abs(np.atleast_2d(weights).T)


def spearman_relation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return |Spearman's correlation| of each latent of `one` with each of `other`: [A, B]."""
    ranks = rankdata(np.concatenate([one, other], axis=1), axis=0)
    return np.abs(np.corrcoef(ranks, rowvar=False)[: one.shape[1], one.shape[1] :])


RELATIONS = {"lasso": lasso_relation, "spearman": spearman_relation}


def informative_by_kl(kl: ArrayLike) -> np.ndarray:
    """Return which latents carry information, by their mean KL from the prior [K]: bool [K].

    Raises:
        ArrayError: It is not of numbers, or is NaN somewhere.
    """
    array = np.asarray(kl)
    if array.dtype.kind not in "biuf" or np.isnan(array).any():
        raise ArrayError(f"kl must hold numbers, not {array.tolist()}")
    return array > KL_THRESHOLD


def kl_from_prior(mean: ArrayLike, log_variance: ArrayLike) -> np.ndarray:
    """Return the mean KL(N(mean, e^log_variance) || N(0, 1)) of every latent, [K], in nats.

    Args:
        mean: The posteriors' means, [N, K].
        log_variance: The logarithms of their variances, [N, K].
    """
    mean, log_variance = np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)
    return np.mean(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=0) / 2


def _checked(name: str, codes: ArrayLike) -> np.ndarray:
    try:
        (array,) = check(codes=codes)
    except ArrayError as error:
        raise ArrayError(f"{name}: {error}") from error
    return array


def _mask(mask: ArrayLike, dead: np.ndarray) -> np.ndarray:
    found = np.asarray(mask, bool)
    if found.shape != dead.shape:
        raise ArrayError(f"a mask has shape {found.shape}, but there are {len(dead)} latents")
    return found
