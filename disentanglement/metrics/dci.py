"""DCI: disentanglement and completeness (Eastwood & Williams 2018, ICLR, section 2).

A regressor predicts each factor from all codes; its importances of the codes make a matrix, and
the entropies of that matrix's rows and columns make the scores. The five metrics here differ in
the regressor. The paper's DCI column is most likely `dci_rf_ibgan`'s disentanglement.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from joblib import Parallel, delayed, parallel_config
from scipy.special import entr
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, LassoCV
from sklearn.model_selection import GridSearchCV

from disentanglement.metrics.arrays import ArrayError, check, dead_codes
from disentanglement.metrics.result import Result

DEPTHS = (4, 5, 2, 5, 5)  # of the forests, one per dSprites factor
IBGAN_DEPTHS = (4, 2, 4, 2, 2)  # as in the paper that introduced IBGAN


@dataclass(frozen=True)
class DCIResult(Result):
    """disentanglement, completeness: in [0, 1]. importance: [K, F].

    per_code: [K], each code's disentanglement; per_factor: [F], each factor's completeness.
    dead_codes: how many codes do not vary; their importance is 0.
    """

    SCORES: ClassVar[tuple[str, ...]] = ("disentanglement", "completeness")

    disentanglement: float
    completeness: float
    importance: np.ndarray
    per_code: np.ndarray
    per_factor: np.ndarray
    dead_codes: int


def dci_lasso(codes: np.ndarray, factors: np.ndarray) -> DCIResult:
    """DCI with linear regression, L1 penalty 0.02."""
    return _dci(codes, factors, lambda i: Lasso(alpha=0.02), jobs=1)


def dci_lasso_cv(
    codes: np.ndarray, factors: np.ndarray, folds: int = 3, max_iter: int = 1000
) -> DCIResult:
    """DCI with linear regression, the L1 penalty chosen by cross-validation in `folds` parts.

    3 was scikit-learn's default when the paper was written; today's is 5. The solver gives up
    after max_iter rounds, with a ConvergenceWarning, as it did then: nearly collinear codes (of
    an encoder early in training) need 100,000, and their score is another then.
    """
    _check_rows(codes, folds)
    return _dci(codes, factors, lambda i: LassoCV(cv=folds, max_iter=max_iter), jobs=1)


def dci_rf(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> DCIResult:
    """DCI with random forests of depths 4, 5, 2, 5, 5 (more factors than five: 5)."""
    return _dci(codes, factors, lambda i: _forest(seed, i, _depth(DEPTHS, i)))


def dci_rf_ibgan(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> DCIResult:
    """DCI with random forests of depths 4, 2, 4, 2, 2 (more factors than five: 2)."""
    return _dci(codes, factors, lambda i: _forest(seed, i, _depth(IBGAN_DEPTHS, i)))


def dci_rf_cv(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> DCIResult:
    """DCI with random forests whose depth, 2 to 15, is chosen by 3-fold cross-validation."""
    _check_rows(codes, folds=3)
    depths = {"max_depth": list(range(2, 16))}
    return _dci(codes, factors, lambda i: GridSearchCV(_forest(seed, i), depths, cv=3, n_jobs=-1))


def _dci(codes: np.ndarray, factors: np.ndarray, regressor: Callable, jobs: int = -1) -> DCIResult:
    """Fit regressor(i) to each factor i; see `disentanglement.metrics` for the arrays.

    Codes and factors are standardised first. jobs: threads (-1: a core each); Lasso's fits are so
    short that a second thread makes them slower. Raises ArrayError if the arrays do not fit.
    """
    x, factors = check(codes=codes, factors=factors)
    dead = dead_codes(codes)
    importance = np.zeros((x.shape[1], factors.shape[1]))
    if not dead.all():
        alive, targets = _standardised(x[:, ~dead]), _standardised(factors)
        # Threads: these learners release Python's lock, and no array is copied.
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


def _check_rows(codes, folds):
    if len(np.atleast_1d(codes)) < 2 * folds:
        raise ArrayError(f"codes: cross-validation in {folds} parts needs {2 * folds} images")


def _importance(model, codes, target):
    model.fit(codes, target)
    model = getattr(model, "best_estimator_", model)
    if hasattr(model, "coef_"):
        return np.abs(model.coef_)
    return np.maximum(model.feature_importances_, 0)  # rounding can leave -1e-17


def _entropy_share(importance):
    """The entropy of each row as a share of the largest possible one; 1 for a row of zeros.

    (There the paper's code gives NaN, or 0.) A single column leaves no choice: 0.
    """
    totals = importance.sum(axis=1, keepdims=True)
    shares = importance / np.where(totals == 0, 1, totals)
    entropies = entr(shares).sum(axis=1)
    if importance.shape[1] > 1:
        entropies = entropies / np.log(importance.shape[1])
    return np.where(totals[:, 0] == 0, 1, entropies)


def _standardised(columns):
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)


def _forest(seed, factor, depth=None):
    # Scikit-learn 0.20, which the paper used, grew 10 trees by default.
    return RandomForestRegressor(10, max_depth=depth, random_state=(seed + factor) % 2**32)


def _depth(depths, factor):
    return depths[min(factor, len(depths) - 1)]
