"""DCI by disentanglement_lib's protocol, with gradient-boosted trees (arXiv 1811.12359)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import entr

from disentanglement.metrics.arrays import check, dead_codes
from disentanglement.metrics.boosted_trees import STAGES, SortedCodes, boost
from disentanglement.metrics.metric import Progress, no_progress
from disentanglement.metrics.result import Result
from disentanglement.metrics.unseen import note


@dataclass(frozen=True)
class DlibDCIResult(Result):
    """The result of `dlib_dci`.

    Attributes:
        disentanglement: Mean over codes, weighted by their importance, in [0, 1].
        completeness: Mean over factors, weighted by their importance, in [0, 1].
        informativeness: Mean over factors of the accuracy on the test data, in [0, 1].
        train_informativeness: The same on the training data.
        importance: [K, F]; a factor's column sums to 1, or to 0 if nothing predicts it.
        per_factor_accuracy: [F], on the test data.
        dead_codes: The number of codes that do not vary; their importance is 0.
        note: A remark on the test data, or "".
    """

    SCORES: ClassVar[tuple[str, ...]] = ("disentanglement", "completeness", "informativeness")

    disentanglement: float
    completeness: float
    informativeness: float
    train_informativeness: float
    importance: np.ndarray
    per_factor_accuracy: np.ndarray
    dead_codes: int
    note: str = ""


def dlib_dci(
    train_codes: np.ndarray,
    train_ids: np.ndarray,
    test_codes: np.ndarray,
    test_ids: np.ndarray,
    seed: int = 0,
    progress: Progress = no_progress,
) -> DlibDCIResult:
    """Compute DCI from boosted trees that classify each factor; see `boosted_trees`.

    Codes are neither scaled nor pruned. Without any importance, disentanglement and completeness
    are 0. `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    x, ids, x_test, ids_test = check(
        train_codes=train_codes, train_ids=train_ids, test_codes=test_codes, test_ids=test_ids
    )
    codes = SortedCodes(x)
    counts = [len(np.unique(column)) for column in ids.T]
    trees = STAGES * sum(1 if count == 2 else count for count in counts)
    results = [
        boost(codes, column, x_test, (seed + i) % 2**32, lambda done: progress(done, trees))
        for i, column in enumerate(ids.T)
    ]
    importance = np.stack([result.importance for result in results], axis=1)
    pairs = list(zip(results, ids.T, ids_test.T, strict=True))
    accuracy = np.array([(result.predicted_test == test).mean() for result, _, test in pairs])
    trained = [(result.predicted == train).mean() for result, train, _ in pairs]
    return DlibDCIResult(
        _weighted(importance),
        _weighted(importance.T),
        float(accuracy.mean()),
        float(np.mean(trained)),
        importance,
        accuracy,
        int(dead_codes(train_codes).sum()),
        note(ids, ids_test),
    )


def _weighted(importance: np.ndarray) -> float:
    """Return 1 - the normalised entropy of each row, weighted by the row's share of the total.

    A row with a single entry has no entropy.
    """
    totals = importance.sum(axis=1)
    if not totals.any():
        return 0.0
    shares = importance / np.where(totals == 0, 1, totals)[:, None]
    entropies = entr(shares).sum(axis=1) / np.log(max(2, importance.shape[1]))
    return float(((1 - entropies) * totals).sum() / totals.sum())
