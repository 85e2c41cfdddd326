"""Explicitness by disentanglement_lib's protocol (Ridgeway & Mozer 2018, arXiv 1802.05312)."""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from disentanglement.metrics.arrays import ArrayError, check, dead_codes
from disentanglement.metrics.metric import Progress, no_progress
from disentanglement.metrics.result import Result
from disentanglement.metrics.unseen import unseen


@dataclass(frozen=True)
class DlibExplicitnessResult(Result):
    """The result of `dlib_explicitness`.

    Attributes:
        score: Mean over factors of the area under the ROC curve on the test data, in [0, 1].
        train_score: The same on the training data.
        per_factor: [F], the areas on the test data.
    """

    score: float
    train_score: float
    per_factor: np.ndarray


def dlib_explicitness(
    train_codes: np.ndarray,
    train_ids: np.ndarray,
    test_codes: np.ndarray,
    test_ids: np.ndarray,
    progress: Progress = no_progress,
) -> DlibExplicitnessResult:
    """Score how well a linear classifier predicts each factor from all standardised codes.

    scikit-learn's logistic regression, as it is by default, is fitted to the training data. The
    ROC areas of a factor's classes are averaged, then those of the factors; classes that the test
    data lack are left out. A code that does not vary in training is 0 (disentanglement_lib divides
    by zero). `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used, or the test data hold a class that the training data
            lack.
    """
    x, ids, x_test, ids_test = check(
        train_codes=train_codes, train_ids=train_ids, test_codes=test_codes, test_ids=test_ids
    )
    if values := unseen(ids, ids_test):
        factor, value = values[0]
        raise ArrayError(
            f"test_ids: factor {factor} takes the value {value}, which train_ids lack, so it has "
            "no probability: take more samples, or merge rare values"
        )
    dead = dead_codes(train_codes)
    mean, scale = x.mean(axis=0), np.where(dead, 1, x.std(axis=0))
    x, x_test = ((each - mean) / scale * ~dead for each in (x, x_test))
    jobs = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        delayed(_areas)(x, column, x_test, test)
        for column, test in zip(ids.T, ids_test.T, strict=True)
    )
    found = []
    for each in jobs:
        found.append(each)
        progress(1, ids.shape[1])
    areas = np.array(found)
    return DlibExplicitnessResult(float(areas[:, 1].mean()), float(areas[:, 0].mean()), areas[:, 1])


def _areas(x, classes, x_test, test_classes):
    """Return the mean areas on the training and on the test data."""
    model = LogisticRegression().fit(x, classes)
    found = []
    for codes, labels in ((x, classes), (x_test, test_classes)):
        probabilities = model.predict_proba(codes).T
        each = [
            roc_auc_score(labels == value, probability)
            for value, probability in zip(model.classes_, probabilities, strict=True)
            if 0 < (labels == value).sum() < len(labels)
        ]
        if not each:
            raise ArrayError("test_ids: a factor has a single value, so no ROC curve")
        found.append(np.mean(each))
    return found
