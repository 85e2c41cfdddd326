"""Modularity (Ridgeway & Mozer 2018, arXiv 1802.05312, section 3)."""

from dataclasses import dataclass

import numpy as np

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.mutual_information import mutual_information
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class ModularityResult(Result):
    """score: mean over codes, in [0, 1]. per_code: [K]. mutual_information: [K, F] in nats.

    dead_codes: how many codes tell nothing of any factor; theirs is 0.
    """

    score: float
    per_code: np.ndarray
    mutual_information: np.ndarray
    dead_codes: int


def modularity(codes: np.ndarray, factor_ids: np.ndarray) -> ModularityResult:
    """Does each code inform of one factor only?

    Per code: 1 - (sum of its other squared mutual informations) / (the largest squared * (F - 1)).
    A code without any information (NaN in the paper's code) counts as 0.

    See `disentanglement.metrics` for the arrays. Raises ArrayError if they do not fit.
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
