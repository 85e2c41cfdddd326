"""Explicitness (Ridgeway & Mozer 2018, arXiv 1802.05312, section 3)."""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from disentanglement.metrics.arrays import check
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class ExplicitnessResult(Result):
    """The result of `explicitness`.

    Attributes:
        score: Mean over factors of the area under the ROC curve, in [0, 1].
        per_factor: [F], the area of each factor.
    """

    score: float
    per_factor: np.ndarray


def explicitness(codes: np.ndarray, factor_ids: np.ndarray) -> ExplicitnessResult:
    """Score how well a linear classifier predicts each factor from all codes together.

    Logistic regression on the raw codes separates each class of a factor from the rest. The
    probabilities are normalised over the classes, and the ROC area on the same data is averaged
    over the classes of a factor, then over factors. Chance, and the score of constant codes, is
    0.5. `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    codes, factor_ids = check(codes=codes, factor_ids=factor_ids)
    classes = [np.unique(column, return_inverse=True)[1] for column in factor_ids.T]
    # One job per (factor, class): one per factor would leave cores idle at the end.
    jobs = [(i, value) for i, column in enumerate(classes) for value in range(column.max() + 1)]
    probabilities = Parallel(n_jobs=-1, prefer="threads")(
        delayed(_probability)(codes, classes[i] == value) for i, value in jobs
    )
    per_factor = np.array(
        [
            _mean_area(column, [p for (k, _), p in zip(jobs, probabilities, strict=True) if k == i])
            for i, column in enumerate(classes)
        ]
    )
    return ExplicitnessResult(float(per_factor.mean()), per_factor)


def _probability(codes: np.ndarray, is_class: np.ndarray) -> np.ndarray:
    return LogisticRegression(solver="liblinear").fit(codes, is_class).predict_proba(codes)[:, 1]


def _mean_area(classes: np.ndarray, probabilities: list[np.ndarray]) -> float:
    normalised = np.stack(probabilities, axis=1)
    normalised /= normalised.sum(axis=1, keepdims=True)
    areas = [roc_auc_score(classes == value, p) for value, p in enumerate(normalised.T)]
    return float(np.mean(areas))
