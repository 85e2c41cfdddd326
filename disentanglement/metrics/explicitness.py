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
    """score: mean over factors of the area under the ROC curve, in [0, 1]. per_factor: [F]."""

    score: float
    per_factor: np.ndarray


def explicitness(codes: np.ndarray, factor_ids: np.ndarray) -> ExplicitnessResult:
    """Can a linear classifier read each factor from all codes together?

    Logistic regression from the codes, as they are, to each class of a factor against the rest;
    the probabilities are made to sum to 1 over the classes; the ROC area, on the same data, is
    averaged over the factor's classes, then over factors. Chance is 0.5: constant codes get that.

    See `disentanglement.metrics` for the arrays. Raises ArrayError if they do not fit.
    """
    codes, factor_ids = check(codes=codes, factor_ids=factor_ids)
    classes = [np.unique(column, return_inverse=True)[1] for column in factor_ids.T]
    # All (factor, class) pairs at once: a job per factor would leave cores idle at the end.
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


def _probability(codes, is_class):
    return LogisticRegression(solver="liblinear").fit(codes, is_class).predict_proba(codes)[:, 1]


def _mean_area(classes, probabilities):
    probabilities = np.stack(probabilities, axis=1)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    areas = [roc_auc_score(classes == value, p) for value, p in enumerate(probabilities.T)]
    return np.mean(areas)
