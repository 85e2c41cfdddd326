"""The FactorVAE metric (Kim & Mnih 2018, arXiv 1802.05983, section 4)."""

from dataclasses import dataclass

import numpy as np

from disentanglement.metrics.arrays import check, dead_codes
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class FactorVAEResult(Result):
    """The result of `factor_vae` and `factor_vae_revised`.

    Attributes:
        score: Accuracy of the majority vote, in [0, 1].
        votes: [K, F] counts; each group casts one vote.
        dead_codes: The number of codes that do not vary on the reference images; they get no
            votes.
    """

    score: float
    votes: np.ndarray
    dead_codes: int


def factor_vae(
    group_codes: np.ndarray, group_labels: np.ndarray, reference_codes: np.ndarray
) -> FactorVAEResult:
    """Score how well the code that varies least in a group predicts the group's shared factor.

    Codes are divided by their standard deviation on the reference images. In each group the code
    with the smallest standard deviation then casts one vote for the group's factor. The score is
    the share of votes that go to their code's most frequent factor. A code that is constant on the
    reference images (where the paper's code divides by zero) never votes; if all codes are
    constant, the score is 0. `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    votes, dead = _votes(group_codes, group_labels, reference_codes)
    return FactorVAEResult(float(votes.max(axis=1).sum() / len(group_labels)), votes, dead)


def factor_vae_revised(
    group_codes: np.ndarray, group_labels: np.ndarray, reference_codes: np.ndarray
) -> FactorVAEResult:
    """Compute `factor_vae` from the votes of the F best codes only.

    A model therefore gains nothing from several codes that share one factor. With at most as many
    codes as factors, the score is that of `factor_vae`.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    votes, dead = _votes(group_codes, group_labels, reference_codes)
    hits = np.sort(votes.max(axis=1))[::-1][: votes.shape[1]]
    return FactorVAEResult(float(hits.sum() / len(group_labels)), votes, dead)


def _votes(
    group_codes: np.ndarray, group_labels: np.ndarray, reference_codes: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return the votes [K, F] and the number of dead codes."""
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
