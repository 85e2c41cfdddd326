"""DCI: disentanglement and completeness (Eastwood & Williams 2018, ICLR, section 2).

A regressor predicts each factor from all codes. The importance of each code to each factor forms a
matrix, and the entropies of its rows and columns give the scores. The five metrics here differ
only in the regressor. The paper's DCI column is most likely the disentanglement of `dci_rf_ibgan`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed, parallel_config
from scipy.special import entr
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, LassoCV

from disentanglement.metrics.arrays import ArrayError, check, dead_codes
from disentanglement.metrics.forest_depth import DepthSearch
from disentanglement.metrics.result import Result

DEPTHS = (4, 5, 2, 5, 5)  # depth of the forest for each dSprites factor
IBGAN_DEPTHS = (4, 2, 4, 2, 2)  # as in the paper that introduced IBGAN


@dataclass(frozen=True)
class DCIResult(Result):
    """The result of a DCI metric.

    Attributes:
        disentanglement: Mean over codes, weighted by their importance, in [0, 1].
        completeness: Mean over factors, in [0, 1].
        importance: [K, F], the importance of each code to each factor, 0 or more.
        per_code: [K], the disentanglement of each code.
        per_factor: [F], the completeness of each factor.
        dead_codes: The number of codes that do not vary; their importance is 0.
    """

    SCORES: ClassVar[tuple[str, ...]] = ("disentanglement", "completeness")

    disentanglement: float
    completeness: float
    importance: np.ndarray
    per_code: np.ndarray
    per_factor: np.ndarray
    dead_codes: int


def dci_lasso(codes: np.ndarray, factors: np.ndarray) -> DCIResult:
    """Compute DCI with linear regression and an L1 penalty of 0.02."""
    return _dci(codes, factors, lambda i: Lasso(alpha=0.02), jobs=1)


def dci_lasso_cv(
    codes: np.ndarray, factors: np.ndarray, folds: int = 3, max_iter: int = 1000
) -> DCIResult:
    """Compute DCI with linear regression and an L1 penalty chosen by cross-validation.

    The solver stops after `max_iter` rounds with a ConvergenceWarning. Nearly collinear codes, such
    as those of an encoder early in training, need about 100,000 rounds and then score differently;
    the default is that of the paper's code.

    Args:
        codes: See `disentanglement.metrics`.
        factors: See `disentanglement.metrics`.
        folds: Parts of the cross-validation. scikit-learn's default was 3 when the paper was
            written and is 5 today.
        max_iter: Rounds of the solver for each fit.
    """
    _check_rows(codes, folds)
    return _dci(codes, factors, lambda i: LassoCV(cv=folds, max_iter=max_iter), jobs=1)


def dci_rf(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> DCIResult:
    """Compute DCI with random forests of depths 4, 5, 2, 5, 5 (5 for any further factors)."""
    return _dci(codes, factors, lambda i: _forest(seed, i, _depth(DEPTHS, i)))


def dci_rf_ibgan(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> DCIResult:
    """Compute DCI with random forests of depths 4, 2, 4, 2, 2 (2 for any further factors)."""
    return _dci(codes, factors, lambda i: _forest(seed, i, _depth(IBGAN_DEPTHS, i)))


def dci_rf_cv(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> DCIResult:
    """Compute DCI with random forests of a depth, 2 to 15, chosen by 3-fold cross-validation."""
    _check_rows(codes, folds=3)

    def search(factor):
        return DepthSearch(lambda depth: _forest(seed, factor, depth), range(2, 16))

    return _dci(codes, factors, search)


def _dci(
    codes: np.ndarray, factors: np.ndarray, regressor: Callable[[int], Any], jobs: int = -1
) -> DCIResult:
    """Standardise codes and factors, fit a regressor to each factor, and score its importances.

    Args:
        codes: See `disentanglement.metrics`.
        factors: See `disentanglement.metrics`.
        regressor: Returns an unfitted scikit-learn regressor for factor i.
        jobs: Threads; -1 for one per core. Lasso's fits are so short that a second thread makes
            them slower.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    x, factors = check(codes=codes, factors=factors)
    dead = dead_codes(codes)
    importance = np.zeros((x.shape[1], factors.shape[1]))
    if not dead.all():
        alive, targets = _standardised(x[:, ~dead]), _standardised(factors)
        # Threads: these learners release the GIL, and no array is copied.
        with parallel_config(backend="threading"):
            columns = Parallel(n_jobs=jobs)(
                delayed(_importance)(regressor(i), alive, target)
                for i, target in enumerate(targets.T)
            )
        importance[~dead] = np.stack(columns, axis=1)
    per_code = 1 - _entropy_share(importance)
    per_factor = 1 - _entropy_share(importance.T)
    total = importance.sum()
    weights = importance.sum(axis=1) / total if total else np.zeros(len(importance))
    return DCIResult(
        float((weights * per_code).sum()),
        float(per_factor.mean()),
        importance,
        per_code,
        per_factor,
        int(dead.sum()),
    )


def _check_rows(codes: np.ndarray, folds: int) -> None:
    if len(np.atleast_1d(codes)) < 2 * folds:
        raise ArrayError(f"codes: cross-validation in {folds} parts needs {2 * folds} images")


def _importance(model: Any, codes: np.ndarray, target: np.ndarray) -> np.ndarray:
    model.fit(codes, target)
    model = getattr(model, "best_estimator_", model)
    if hasattr(model, "coef_"):
        return np.abs(model.coef_)
    return np.maximum(model.feature_importances_, 0)  # rounding can give -1e-17


def _entropy_share(importance: np.ndarray) -> np.ndarray:
    """Return each row's entropy as a share of the maximum: 1 for a row of zeros, 0 for one column.

    For a row of zeros the paper's code gives NaN or 0.
    """
    totals = importance.sum(axis=1, keepdims=True)
    shares = importance / np.where(totals == 0, 1, totals)
    entropies = entr(shares).sum(axis=1)
    if importance.shape[1] > 1:
        entropies = entropies / np.log(importance.shape[1])
    return np.where(totals[:, 0] == 0, 1, entropies)


def _standardised(columns: np.ndarray) -> np.ndarray:
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)


def _forest(seed: int, factor: int, depth: int | None = None) -> RandomForestRegressor:
    # 10 trees were the default of scikit-learn 0.20, which the paper used.
    return RandomForestRegressor(10, max_depth=depth, random_state=(seed + factor) % 2**32)


def _depth(depths: Sequence[int], factor: int) -> int:
    return depths[min(factor, len(depths) - 1)]
