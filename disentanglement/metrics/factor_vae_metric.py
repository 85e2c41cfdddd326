"""The FactorVAE metric (Kim & Mnih 2018, arXiv 1802.05983, section 4)."""

from dataclasses import dataclass

import numpy as np

from disentanglement.metrics.arrays import check, dead_codes
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class FactorVAEResult(Result):
    """score: accuracy of the majority vote, in [0, 1]. votes: [K, F] counts, one vote a group.

    dead_codes: how many codes do not vary at all on the reference images; they get no votes.
    """

    score: float
    votes: np.ndarray
    dead_codes: int


def factor_vae(
    group_codes: np.ndarray, group_labels: np.ndarray, reference_codes: np.ndarray
) -> FactorVAEResult:
    """Does the code that varies least in a group tell which factor the group shares?

    Codes are divided by their standard deviation on the reference images. In each group the code
    with the least standard deviation casts one vote for the group's factor. The score is the share
    of votes that go to their code's most frequent factor. A code that is constant on the reference
    images (where the paper's code divides by zero) never votes; if all are, the score is 0.

    See `disentanglement.metrics` for the arrays. Raises ArrayError if they do not fit.
    """
    votes, dead = _votes(group_codes, group_labels, reference_codes)
    return FactorVAEResult(float(votes.max(axis=1).sum() / len(group_labels)), votes, dead)


def factor_vae_revised(
    group_codes: np.ndarray, group_labels: np.ndarray, reference_codes: np.ndarray
) -> FactorVAEResult:
    """`factor_vae`, counting the votes of only as many codes as there are factors: the best ones.

    So a model gains nothing from several codes that share one factor. It equals `factor_vae`
    where there are no more codes than factors.
    """
    votes, dead = _votes(group_codes, group_labels, reference_codes)
    hits = np.sort(votes.max(axis=1))[::-1][: votes.shape[1]]
    return FactorVAEResult(float(hits.sum() / len(group_labels)), votes, dead)


def _votes(group_codes, group_labels, reference_codes):
    groups, labels, reference = check(
        group_codes=group_codes, group_labels=group_labels, reference_codes=reference_codes
    )
    scale, dead = reference.std(axis=0), dead_codes(reference_codes)
    votes = np.zeros((groups.shape[2], labels.max() + 1), dtype=np.int64)
    if not dead.all():
        spread = groups.std(axis=1) / np.where(dead, 1, scale)
        spread[:, dead] = np.inf
        np.add.at(votes, (spread.argmin(axis=1), labels), 1)
    return votes, int(dead.sum())
