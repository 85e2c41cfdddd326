"""InfoMEC: InfoM, InfoE and InfoC (Hsu et al. 2023, arXiv 2305.18378, section 4)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from joblib import Parallel, delayed
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mutual_info_score
from sklearn.preprocessing import OneHotEncoder

from disentanglement.metrics.arrays import ArrayError, check, dead_codes
from disentanglement.metrics.metric import Progress, no_progress
from disentanglement.metrics.mutual_information import entropy
from disentanglement.metrics.result import Result

NEIGHBOURS = 10  # of the k-NN estimate, as in the authors' standalone code
_MOST_VALUES = 1000  # of a discrete code


@dataclass(frozen=True)
class InfoMECResult(Result):
    """The result of `infomec` and its variants, for S factors and A active codes.

    Attributes:
        infom: Modularity: whether each code informs about one factor only, in [0, 1].
        infoe: Explicitness: how much of the factors a linear classifier recovers from all codes.
            1 is best; below 0 if the classifier is worse than none.
        infoc: Compactness: whether each factor is in one code only, in [0, 1].
        information: [S, K], each code's information on each factor as a share of its entropy.
        active: [K], whether each code takes part in InfoM and InfoC.
        pruning: The rule that decides it.
        explicitness: [S], the infoe of each factor.
        note: What was defined, rather than computed, or "".
    """

    SCORES: ClassVar[tuple[str, ...]] = ("infom", "infoe", "infoc")

    infom: float
    infoe: float
    infoc: float
    information: np.ndarray
    active: np.ndarray
    pruning: str
    explicitness: np.ndarray
    note: str = ""


def infomec(
    codes: np.ndarray, factor_ids: np.ndarray, seed: int = 0, progress: Progress = no_progress
) -> InfoMECResult:
    """Compute InfoMEC of continuous codes, as the authors' standalone code does.

    A code is active if its range is over a twentieth of the largest. Mutual information is
    estimated from 10 nearest neighbours. With one active code InfoC is 1, and without any all
    scores are 0. A code without any information counts as 0 in InfoM, and a factor that no code
    informs about as 0 in InfoC. `disentanglement.metrics` describes the arrays.

    Raises:
        ArrayError: The arrays cannot be used, or a factor's class has fewer than two samples.
    """
    x, ids = _checked(codes, factor_ids)
    ranges = np.ptp(x, axis=0)
    return _continuous(
        codes, x, ids, ranges > ranges.max() / 20, "range / 20", NEIGHBOURS, seed, progress
    )


def infomec_range_8(
    codes: np.ndarray, factor_ids: np.ndarray, seed: int = 0, progress: Progress = no_progress
) -> InfoMECResult:
    """Compute `infomec` with the rule of the authors' training code: range / 8, 3 neighbours."""
    x, ids = _checked(codes, factor_ids)
    ranges = np.ptp(x, axis=0)
    return _continuous(codes, x, ids, ranges > ranges.max() / 8, "range / 8", 3, seed, progress)


def infomec_iqr_10(
    codes: np.ndarray, factor_ids: np.ndarray, seed: int = 0, progress: Progress = no_progress
) -> InfoMECResult:
    """Compute `infomec` of codes whose interquartile range is over a tenth of the largest."""
    x, ids = _checked(codes, factor_ids)
    quarters = np.quantile(x, (0.25, 0.75), axis=0)
    ranges = quarters[1] - quarters[0]
    rule = "interquartile range / 10"
    return _continuous(codes, x, ids, ranges > ranges.max() / 10, rule, NEIGHBOURS, seed, progress)


def infomec_discrete(
    codes: np.ndarray, factor_ids: np.ndarray, progress: Progress = no_progress
) -> InfoMECResult:
    """Compute InfoMEC of discrete codes, such as those of a quantiser; all that vary are active.

    Mutual information is that of the counts, and the classifier takes every value of a code as an
    input of its own.

    Raises:
        ArrayError: The arrays cannot be used, or a code has over 1,000 values.
    """
    x, ids = _checked(codes, factor_ids)
    values = [len(np.unique(column)) for column in x.T]
    if max(values) > _MOST_VALUES:
        raise ArrayError(
            f"codes: code {int(np.argmax(values))} has {max(values):,} values, and "
            f"infomec_discrete takes up to {_MOST_VALUES:,}: use infomec"
        )
    classes = np.stack([np.unique(column, return_inverse=True)[1] for column in x.T], axis=1)
    information = np.array([[mutual_info_score(s, z) for z in classes.T] for s in ids.T])
    inputs = OneHotEncoder().fit_transform(x)
    return _result(information, ids, np.ptp(x, axis=0) > 0, "values that vary", inputs, progress)


def _checked(codes: np.ndarray, factor_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, ids = check(codes=codes, factor_ids=factor_ids)
    if ids.shape[1] < 2:
        raise ArrayError("infomec needs two factors or more")
    return x, ids


def _continuous(codes, x, ids, active, rule, neighbours, seed, progress):
    for i, column in enumerate(ids.T):
        values, counts = np.unique(column, return_counts=True)
        if counts.min() < 2:
            raise ArrayError(
                f"factor_ids: factor {i} takes the value {values[counts.argmin()]} only once, and "
                "nearest neighbours need two samples of each value"
            )
    dead = dead_codes(codes)
    scaled = np.zeros_like(x)
    scaled[:, ~dead] = (x[:, ~dead] - x[:, ~dead].mean(axis=0)) / x[:, ~dead].std(axis=0)
    information = np.zeros((ids.shape[1], x.shape[1]))
    if not dead.all():
        information[:, ~dead] = neighbour_information(scaled[:, ~dead], ids, neighbours, seed)
    return _result(information, ids, active & ~dead, rule, scaled, progress)


def neighbour_information(
    codes: np.ndarray, factor_ids: np.ndarray, neighbours: int, seed: int
) -> np.ndarray:
    """Return the k-NN estimate of each code's information on each factor: [S, K], in nats.

    Args:
        codes: [N, K], standardised.
        factor_ids: [N, S], integer classes.
        neighbours: k.
        seed: Of the tiny noise that separates equal values.
    """
    columns = Parallel(n_jobs=-1, prefer="threads")(
        delayed(mutual_info_classif)(
            codes,
            column,
            discrete_features=False,
            n_neighbors=neighbours,
            random_state=seed % 2**32,
        )
        for column in factor_ids.T
    )
    return np.array(columns)


def _result(information, ids, active, rule, inputs, progress):
    information = information / entropy(ids)[:, None]
    pruned, note = information[:, active], ""
    explicitness = np.empty(ids.shape[1])
    for i, column in enumerate(ids.T):  # the fits use all cores themselves
        explicitness[i] = _explicitness(inputs, column)
        progress(1, ids.shape[1])
    if not active.any():
        note = "no code is active: infom and infoc are 0 by definition"
        infom = infoc = 0.0
    else:
        infom = _concentration(pruned)
        infoc = _concentration(pruned.T)
        if active.sum() == 1:
            note = "one code is active: infoc is 1 by definition"
    return InfoMECResult(
        infom, float(explicitness.mean()), infoc, information, active, rule, explicitness, note
    )


def _concentration(table: np.ndarray) -> float:
    """Return how far each column is a single entry, on average: 0 if uniform or zero, 1 if so."""
    rows = len(table)
    if rows == 1:
        return 1.0
    sums = table.sum(axis=0)
    shares = np.where(sums > 0, table.max(axis=0) / np.where(sums > 0, sums, 1), 1 / rows)
    return float((shares.mean() - 1 / rows) / (1 - 1 / rows))


def _explicitness(inputs, labels) -> float:
    """Return by which share logistic regression decreases the log loss, on its own data.

    Without inputs, balanced weights make all C classes equally likely, which costs log C.
    """
    model = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=100).fit(inputs, labels)
    nothing = np.log(len(model.classes_))
    loss = log_loss(labels, model.predict_proba(inputs), labels=model.classes_)
    return float((nothing - loss) / nothing)
