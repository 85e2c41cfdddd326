"""The FactorVAE metric by disentanglement_lib's protocol (Locatello et al., arXiv 1811.12359)."""

from dataclasses import dataclass

import numpy as np

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.result import Result
from disentanglement.wording import counted

THRESHOLD = 0.05  # codes with a smaller standard deviation are pruned


@dataclass(frozen=True)
class DlibFactorVAEResult(Result):
    """The result of `dlib_factor_vae`.

    Attributes:
        score: Accuracy on the test votes, in [0, 1].
        train_score: The same on the votes that the majority was learned from.
        votes: [K, F], the training votes.
        test_votes: [K, F].
        pruned: [K], whether each code was left out.
        note: How many were, or "".
    """

    score: float
    train_score: float
    votes: np.ndarray
    test_votes: np.ndarray
    pruned: np.ndarray
    note: str = ""


def dlib_factor_vae(
    train_group_codes: np.ndarray,
    train_group_labels: np.ndarray,
    test_group_codes: np.ndarray,
    test_group_labels: np.ndarray,
    reference_codes: np.ndarray,
) -> DlibFactorVAEResult:
    """Learn from one set of votes which factor each code stands for; score it on another set.

    A group votes for the code whose variance in the group, divided by its variance in the
    reference, is smallest. Codes with a standard deviation below 0.05 in the reference are left
    out; without any other code the score is 0. `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    train, labels, test, test_labels, reference = check(
        train_group_codes=train_group_codes,
        train_group_labels=train_group_labels,
        test_group_codes=test_group_codes,
        test_group_labels=test_group_labels,
        reference_codes=reference_codes,
    )
    if len(reference) < 2 or train.shape[1] < 2:
        raise ArrayError("dlib.factor_vae needs groups and a reference of two images or more")
    variance = reference.var(axis=0, ddof=1)
    active = (np.sqrt(variance) >= THRESHOLD) & (variance > 0)
    factors = int(max(labels.max(), test_labels.max())) + 1
    votes = _votes(train, labels, variance, active, factors)
    test_votes = _votes(test, test_labels, variance, active, factors)
    majority = votes.argmax(axis=1)
    hits = [table[np.arange(len(table)), majority].sum() for table in (test_votes, votes)]
    score, train_score = hits[0] / len(test_labels), hits[1] / len(labels)
    pruned = int((~active).sum())
    small = f"(standard deviation below {THRESHOLD})"
    note = f"{counted(pruned, 'code')} pruned {small}" if pruned else ""
    return DlibFactorVAEResult(float(score), float(train_score), votes, test_votes, ~active, note)


def _votes(groups, labels, variance, active, factors):
    """Return the number of groups by code and factor, [K, F]; zeros without an active code."""
    votes = np.zeros((groups.shape[2], factors), np.int64)
    if active.any():
        spread = groups.var(axis=1, ddof=1) / np.where(active, variance, 1)
        spread[:, ~active] = np.inf
        np.add.at(votes, (spread.argmin(axis=1), labels), 1)
    return votes
