"""The BetaVAE metric (Higgins et al. 2017, "beta-VAE", ICLR, section 3)."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class BetaVAEResult(Result):
    """The result of `beta_vae`.

    Attributes:
        score: Accuracy of the classifier, in [0, 1]; chance is 1 / F.
        confusion: [F, F], the number of groups by true (row) and predicted (column) factor.
    """

    score: float
    confusion: np.ndarray


def beta_vae(group_codes: np.ndarray, group_labels: np.ndarray) -> BetaVAEResult:
    """Score how well a linear classifier predicts a group's shared factor from code differences.

    A group's feature is the mean absolute difference between the codes of its pairs (images 0 and
    1, 2 and 3, ...). One-versus-rest logistic regression is fitted to the groups and scored on the
    same groups, as in the paper's code. `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used.
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
