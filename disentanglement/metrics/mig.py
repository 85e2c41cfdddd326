"""MIG, the mutual information gap (Chen et al. 2018, arXiv 1802.04942, section 4)."""

from dataclasses import dataclass

import numpy as np

from disentanglement.metrics.arrays import check, dead_codes
from disentanglement.metrics.gap import gap
from disentanglement.metrics.mutual_information import entropy, mutual_information
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class MIGResult(Result):
    """The result of `mig`.

    Attributes:
        score: In [0, 1].
        mutual_information: [K, F], in nats.
        entropy: [F], the entropy of each factor in nats.
        dead_codes: The number of codes that do not vary; they have no information.
    """

    score: float
    mutual_information: np.ndarray
    entropy: np.ndarray
    dead_codes: int


def mig(codes: np.ndarray, factor_ids: np.ndarray) -> MIGResult:
    """Compare the best code's mutual information with a factor to the second-best code's.

    The score is the gap between the two as a share of the factor's entropy, averaged over factors.
    With a single code the second best is 0. `mutual_information` describes the estimate, and
    `disentanglement.metrics` the arrays.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    _, factor_ids = check(codes=codes, factor_ids=factor_ids)
    information, entropies = mutual_information(codes, factor_ids), entropy(factor_ids)
    score = float((gap(information) / entropies).mean())
    return MIGResult(score, information, entropies, int(dead_codes(codes).sum()))
