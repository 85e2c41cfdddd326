"""SAP by disentanglement_lib's protocol: every factor is a category (arXiv 1811.12359)."""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from sklearn.svm import LinearSVC

from disentanglement.metrics.arrays import check, dead_codes
from disentanglement.metrics.gap import gap
from disentanglement.metrics.result import Result
from disentanglement.metrics.unseen import note


@dataclass(frozen=True)
class DlibSAPResult(Result):
    """The result of `dlib_sap`.

    Attributes:
        score: Mean over factors of the best minus the second-best accuracy, in [0, 1].
        accuracy: [K, F], how often one code alone predicts the class of a factor in the test data.
        dead_codes: The number of codes that do not vary.
        note: A remark on the test data, or "".
    """

    score: float
    accuracy: np.ndarray
    dead_codes: int
    note: str = ""


def dlib_sap(
    train_codes: np.ndarray, train_ids: np.ndarray, test_codes: np.ndarray, test_ids: np.ndarray
) -> DlibSAPResult:
    """Compare how well the best and the second-best code alone classify each factor.

    The classifier is a linear support vector machine (C = 0.01, balanced classes). With a single
    code the second best is 0. `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    x, ids, x_test, ids_test = check(
        train_codes=train_codes, train_ids=train_ids, test_codes=test_codes, test_ids=test_ids
    )
    jobs = [(j, i) for i in range(ids.shape[1]) for j in range(x.shape[1])]
    accuracies = Parallel(n_jobs=-1, prefer="threads")(
        delayed(_accuracy)(x[:, [j]], ids[:, i], x_test[:, [j]], ids_test[:, i]) for j, i in jobs
    )
    table = np.reshape(accuracies, (ids.shape[1], x.shape[1])).T
    dead = int(dead_codes(train_codes).sum())
    return DlibSAPResult(float(gap(table).mean()), table, dead, note(ids, ids_test))


def _accuracy(code, classes, test_code, test_classes):
    # The primal problem has the optimum of the dual one, but no random order.
    model = LinearSVC(C=0.01, class_weight="balanced", dual=False).fit(code, classes)
    return model.score(test_code, test_classes)
