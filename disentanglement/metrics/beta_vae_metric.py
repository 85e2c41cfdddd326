"""The BetaVAE metric (Higgins et al. 2017, "beta-VAE", ICLR, section 3)."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class BetaVAEResult(Result):
    """score: accuracy of the classifier, in [0, 1]; chance is 1 / F.

    confusion: [F, F] groups by true (row) and predicted (column) factor.
    """

    score: float
    confusion: np.ndarray


def beta_vae(group_codes: np.ndarray, group_labels: np.ndarray) -> BetaVAEResult:
    """Can a linear classifier tell from code differences which factor a group shares?

    A group's feature is the mean |difference| of the codes of its pairs (images 0 and 1, 2 and 3,
    ...). Logistic regression, one factor against the rest, is fitted to the groups and scored on
    the same groups, as the paper's code does.

    See `disentanglement.metrics` for the arrays. Raises ArrayError if they do not fit.
    """
    group_codes, group_labels = check(group_codes=group_codes, group_labels=group_labels)
    pairs = group_codes.shape[1] // 2
    if pairs == 0 or group_labels.max() == 0:
        raise ArrayError("beta_vae needs groups of two images or more, and two factors or more")
    first, second = group_codes[:, 0 : 2 * pairs : 2], group_codes[:, 1 : 2 * pairs : 2]
    features = np.abs(first - second).mean(axis=1)
    model = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
    predicted = model.fit(features, group_labels).predict(features)
    factors = group_labels.max() + 1
    confusion = np.zeros((factors, factors), dtype=np.int64)
    np.add.at(confusion, (group_labels, predicted), 1)
    return BetaVAEResult(float(np.trace(confusion) / len(group_labels)), confusion)
