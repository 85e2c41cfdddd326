"""MIG, the mutual information gap (Chen et al. 2018, arXiv 1802.04942, section 4)."""

from dataclasses import dataclass

import numpy as np

from disentanglement.metrics.arrays import check, dead_codes
from disentanglement.metrics.gap import gap
from disentanglement.metrics.mutual_information import entropy, mutual_information
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class MIGResult(Result):
    """score: in [0, 1]. mutual_information: [K, F] in nats; entropy: [F], the factors', in nats.

    dead_codes: how many codes do not vary; they have no information.
    """

    score: float
    mutual_information: np.ndarray
    entropy: np.ndarray
    dead_codes: int


def mig(codes: np.ndarray, factor_ids: np.ndarray) -> MIGResult:
    """How much more does the best code know of a factor than the second best?

    The gap of mutual informations (see `mutual_information`), as a share of the factor's entropy,
    averaged over factors. With a single code the second best is 0.

    See `disentanglement.metrics` for the arrays. Raises ArrayError if they do not fit.
    """
    _, factor_ids = check(codes=codes, factor_ids=factor_ids)
    information, entropies = mutual_information(codes, factor_ids), entropy(factor_ids)
    score = float((gap(information) / entropies).mean())
    return MIGResult(score, information, entropies, int(dead_codes(codes).sum()))
