"""The FactorVAE metric (Kim & Mnih 2018, arXiv 1802.05983, section 4)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FactorVAEResult:
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

    See `disentanglement.metrics` for the shapes. Raises ValueError if they do not fit.
    """
    group_codes, reference_codes = np.asarray(group_codes), np.asarray(reference_codes)
    group_labels = np.asarray(group_labels)
    if group_codes.ndim != 3 or reference_codes.ndim != 2 or group_labels.ndim != 1:
        raise ValueError(
            "factor_vae needs group_codes [M, L, K], group_labels [M] and reference_codes [N0, K], "
            f"not {group_codes.shape}, {group_labels.shape} and {reference_codes.shape}"
        )
    if len(group_codes) != len(group_labels) or group_codes.shape[2] != reference_codes.shape[1]:
        raise ValueError(
            f"the numbers of groups or codes differ: group_codes {group_codes.shape}, "
            f"group_labels {group_labels.shape}, reference_codes {reference_codes.shape}"
        )
    scale = reference_codes.std(axis=0, dtype=np.float64)
    # Rounding may leave a constant code with a tiny standard deviation.
    alive = scale > 1e-7 * np.abs(reference_codes).max(axis=0)
    votes = np.zeros((group_codes.shape[2], group_labels.max() + 1), dtype=np.int64)
    if alive.any():
        spread = group_codes.std(axis=1, dtype=np.float64)
        spread = np.where(alive, spread / np.where(alive, scale, 1), np.inf)
        np.add.at(votes, (spread.argmin(axis=1), group_labels), 1)
    score = votes.max(axis=1).sum() / len(group_labels)
    return FactorVAEResult(float(score), votes, int((~alive).sum()))
