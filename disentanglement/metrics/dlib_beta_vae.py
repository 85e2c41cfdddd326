"""The BetaVAE metric by disentanglement_lib's protocol (Locatello et al., arXiv 1811.12359)."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class DlibBetaVAEResult(Result):
    """The result of `dlib_beta_vae`.

    Attributes:
        score: Accuracy on the test points, in [0, 1]; chance is 1 / F.
        train_score: Accuracy on the training points.
        confusion: [F, F], the number of test points by true (row) and predicted (column) factor.
    """

    score: float
    train_score: float
    confusion: np.ndarray


def dlib_beta_vae(
    train_pair_codes: np.ndarray,
    train_pair_labels: np.ndarray,
    test_pair_codes: np.ndarray,
    test_pair_labels: np.ndarray,
) -> DlibBetaVAEResult:
    """Score how well a linear classifier predicts the factor that a point's pairs share.

    A point's feature is the mean absolute difference between the codes of its pairs.
    scikit-learn's logistic regression, as it is by default, is fitted to the training points.
    `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used, or there is only one factor.
    """
    train, labels, test, test_labels = check(
        train_pair_codes=train_pair_codes,
        train_pair_labels=train_pair_labels,
        test_pair_codes=test_pair_codes,
        test_pair_labels=test_pair_labels,
    )
    if labels.max() == 0:
        raise ArrayError("dlib.beta_vae needs two factors or more")
    model = LogisticRegression().fit(_features(train), labels)
    predicted = model.predict(_features(test))
    factors = int(max(labels.max(), test_labels.max())) + 1
    confusion = np.zeros((factors, factors), np.int64)
    np.add.at(confusion, (test_labels, predicted), 1)
    score = float(np.trace(confusion) / len(test_labels))
    return DlibBetaVAEResult(score, float(model.score(_features(train), labels)), confusion)


def _features(pairs: np.ndarray) -> np.ndarray:
    return np.abs(pairs[:, :, 0] - pairs[:, :, 1]).mean(axis=1)
