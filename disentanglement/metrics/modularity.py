"""Modularity (Ridgeway & Mozer 2018, arXiv 1802.05312, section 3)."""

from dataclasses import dataclass

import numpy as np

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.mutual_information import mutual_information
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class ModularityResult(Result):
    """The result of `modularity`.

    Attributes:
        score: Mean over codes, in [0, 1].
        per_code: [K], the modularity of each code.
        mutual_information: [K, F], in nats.
        dead_codes: The number of codes without information on any factor; their modularity is 0.
    """

    score: float
    per_code: np.ndarray
    mutual_information: np.ndarray
    dead_codes: int


def modularity(codes: np.ndarray, factor_ids: np.ndarray) -> ModularityResult:
    """Score how far each code is informative about a single factor.

    With I_f the mutual information of a code and factor f, and I_best the largest, the code's
    modularity is 1 - (sum of the other I_f^2) / (I_best^2 * (F - 1)). A code without any
    information (NaN in the paper's code) counts as 0. `disentanglement.metrics` describes the
    arrays.

    Raises:
        ArrayError: The arrays cannot be used, or there is only one factor.
    """
    _, factor_ids = check(codes=codes, factor_ids=factor_ids)
    if factor_ids.shape[1] < 2:
        raise ArrayError("modularity needs two factors or more")
    information = mutual_information(codes, factor_ids)
    squares = information**2
    largest = squares.max(axis=1)
    dead = largest == 0
    others = squares.sum(axis=1) - largest
    per_code = 1 - others / (np.where(dead, 1, largest) * (squares.shape[1] - 1))
    per_code[dead] = 0
    return ModularityResult(float(per_code.mean()), per_code, information, int(dead.sum()))
