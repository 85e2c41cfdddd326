"""SAP, separated attribute predictability (Kumar et al. 2018, arXiv 1711.00848, section 3)."""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from sklearn.svm import LinearSVC

from disentanglement.metrics.arrays import check, dead_codes
from disentanglement.metrics.gap import gap
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class SAPResult(Result):
    """The result of `sap`.

    Attributes:
        score: Mean over factors of the best minus the second-best predictability, in [0, 1].
        predictability: [K, F], how well one code alone predicts one factor: squared correlation
            for continuous factors, accuracy for categories.
        dead_codes: The number of codes that do not vary.
    """

    score: float
    predictability: np.ndarray
    dead_codes: int


def sap(
    codes: np.ndarray, factors: np.ndarray, factor_ids: np.ndarray, continuous: np.ndarray
) -> SAPResult:
    """Compare how well the best and the second-best code alone predict each factor.

    Linear regression predicts a continuous factor, and a linear support vector machine (C = 0.01,
    balanced classes) a category; both are scored on the data they were fitted to. The squared
    correlation with a code that does not vary (NaN in the paper's code) is 0 here; with a single
    code the second best is 0. `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    x, factors, factor_ids, continuous = check(
        codes=codes, factors=factors, factor_ids=factor_ids, continuous=continuous
    )
    dead = dead_codes(codes)
    table = _squared_correlation(x, factors)
    table[dead] = 0
    jobs = [(j, i) for i in np.flatnonzero(~continuous.astype(bool)) for j in range(len(table))]
    accuracies = Parallel(n_jobs=-1, prefer="threads")(
        delayed(_accuracy)(x[:, [j]], factor_ids[:, i]) for j, i in jobs
    )
    for (j, i), accuracy in zip(jobs, accuracies, strict=True):
        table[j, i] = accuracy
    return SAPResult(float(gap(table).mean()), table, int(dead.sum()))


def _squared_correlation(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    codes, factors = codes - codes.mean(axis=0), factors - factors.mean(axis=0)
    products = np.outer((codes**2).sum(axis=0), (factors**2).sum(axis=0))
    return (codes.T @ factors) ** 2 / np.where(products == 0, 1, products)


def _accuracy(code: np.ndarray, classes: np.ndarray) -> float:
    # The primal problem has the optimum of the paper's dual one, but no random order.
    model = LinearSVC(C=0.01, class_weight="balanced", dual=False)
    return model.fit(code, classes).score(code, classes)
