"""Gradient-boosted trees that classify: scikit-learn's GradientBoostingClassifier, but faster.

The trees are exact: every split that scikit-learn would try is tried. They are faster because the
codes are sorted once instead of in every node of every tree, and because the trees of a stage, one
per class, grow in several threads.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from scipy.special import expit, softmax

STAGES, DEPTH, RATE = 100, 3, 0.1  # scikit-learn's defaults
_SAME = np.float32(1e-7)  # values as close as that are not separated, as in scikit-learn
_FLAT = np.finfo(float).eps  # a node whose targets vary less is not split


class SortedCodes:
    """Codes [N, K] in float32, and the order of each; all factors and classes share them."""

    def __init__(self, codes: np.ndarray):
        self.columns = np.ascontiguousarray(codes.T, np.float32)
        self.order = np.argsort(self.columns, axis=1, kind="stable").astype(np.intp)
        values = np.take_along_axis(self.columns, self.order, axis=1)
        tied = (values[:, 1:] <= values[:, :-1] + _SAME).any()
        self.values = values if tied else None  # needed only where some cannot be separated


@dataclass(frozen=True)
class BoostingResult:
    """What boosted trees learned of one factor.

    Attributes:
        importance: [K], the share of each code in the decrease of the squared error; sums to 1,
            or to 0 if no tree has a split.
        predicted: [N], the classes of the codes that the trees were fitted to.
        predicted_test: [N1], the classes of other codes.
    """

    importance: np.ndarray
    predicted: np.ndarray
    predicted_test: np.ndarray


def boost(
    codes: SortedCodes,
    labels: np.ndarray,
    test_codes: np.ndarray,
    seed: int = 0,
    progress: Callable[[int], object] = lambda trees: None,
) -> BoostingResult:
    """Fit 100 stages of trees of depth 3, learning rate 0.1, that predict labels from codes.

    Args:
        codes: N of them.
        labels: [N], integers, of two values or more.
        test_codes: [N1, K], whose labels are predicted, too.
        seed: Decides between codes that split a node equally well.
        progress: Called with the number of trees grown since the last call.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    # Two classes share one tree a stage, which predicts the second.
    targets = np.eye(len(classes))[numbers][:, 1 if len(classes) == 2 else 0 :]
    prior = np.bincount(numbers) / len(numbers)
    start = np.log(prior[1] / prior[0]) if len(classes) == 2 else np.log(prior)
    raw = np.zeros_like(targets) + start
    raw_test = np.zeros((len(test_codes), targets.shape[1])) + start
    test_columns = np.ascontiguousarray(test_codes.T, np.float32)
    importance = np.zeros(len(codes.columns))
    shrink = 1.0 if len(classes) == 2 else 1 - 1 / len(classes)

    def grow(stage: int, k: int, residuals: np.ndarray) -> np.ndarray:
        tree = _Tree(codes, residuals, np.random.default_rng([seed, stage, k]), shrink)
        raw[:, k] += RATE * tree.fitted
        raw_test[:, k] += RATE * tree.predict(test_columns)
        return tree.gains

    with ThreadPoolExecutor(effective_n_jobs(-1)) as pool:
        for stage in range(STAGES):
            probabilities = expit(raw) if len(classes) == 2 else softmax(raw, axis=1)
            residuals = np.ascontiguousarray((targets - probabilities).T)
            jobs = [pool.submit(grow, stage, k, r) for k, r in enumerate(residuals)]
            importance += sum(job.result() for job in jobs)
            progress(len(jobs))
    total = importance.sum()
    return BoostingResult(
        importance / total if total else importance, classes[_best(raw)], classes[_best(raw_test)]
    )


def _best(raw: np.ndarray) -> np.ndarray:
    return (raw[:, 0] > 0).astype(int) if raw.shape[1] == 1 else raw.argmax(axis=1)


class _Tree:
    """A regression tree that is fitted to residuals [N], with a Newton step in each leaf.

    Attributes:
        fitted: [N], the leaves' values for the codes it was fitted to.
        gains: [K], by how much splits at each code decrease the sum of squares.
    """

    def __init__(
        self, codes: SortedCodes, residuals: np.ndarray, rng: np.random.Generator, shrink: float
    ):
        self._codes, self._residuals, self._rng, self._shrink = codes, residuals, rng, shrink
        self.fitted = np.empty(len(residuals))
        self.gains = np.zeros(len(codes.columns))
        self._root = self._grow(codes.order, codes.values, DEPTH)

    def predict(self, columns: np.ndarray) -> np.ndarray:
        """Return the leaves' values for codes [K, N1]."""
        found = np.empty(columns.shape[1])
        todo = [(self._root, np.arange(columns.shape[1]))]
        while todo:
            node, rows = todo.pop()
            if isinstance(node, float):
                found[rows] = node
            else:
                code, threshold, left, right = node
                is_left = columns[code, rows] <= threshold
                todo += [(left, rows[is_left]), (right, rows[~is_left])]
        return found

    def _grow(self, order, values, depth):
        """Return a leaf's value, or (code, threshold, left, right) of a node.

        Args:
            order: [K, n], the rows in the node, sorted by each code.
            values: [K, n], the codes in that order; None if no two are equal.
            depth: How many levels of splits may follow.
        """
        split = self._split(order, values) if depth and order.shape[1] > 1 else None
        if split is None:
            return self._leaf(order[0])
        code, place = split
        row = order[code]
        column = self._codes.columns[code]
        threshold = float(column[row[place]]) / 2 + float(column[row[place + 1]]) / 2
        if depth == 1:  # leaves need no order
            parts: list[Any] = [(row[None, : place + 1], None), (row[None, place + 1 :], None)]
        else:
            is_left = np.zeros(len(self._residuals), bool)
            is_left[row[: place + 1]] = True
            mask = is_left[order]
            # Every code has the same rows on the left, so the parts are rectangular, too.
            parts = [(_part(order, side), _part(values, side)) for side in (mask, ~mask)]
        children = [self._grow(one, other, depth - 1) for one, other in parts]
        return code, threshold, children[0], children[1]

    def _split(self, order, values):
        """Return the code and the last place on the left of the best split; None if there is none.

        The decrease of the sum of squares is n / (l r) (S_l - l / n S)^2 for l of n rows, and r
        others, with sums S_l and S of the residuals.
        """
        n = order.shape[1]
        sums = self._residuals[order]
        first = sums[0]
        if np.var(first) <= _FLAT:
            return None
        np.cumsum(sums, axis=1, out=sums)
        left = np.arange(1, n)
        gains = sums[:, :-1]
        gains -= left / n * sums[:, -1:]
        gains *= gains
        gains *= n / (left * (n - left))
        if values is not None:
            gains[values[:, 1:] <= values[:, :-1] + _SAME] = -1
        places = gains.argmax(axis=1)
        best = gains[np.arange(len(gains)), places]
        if best.max() < 0:
            return None
        # As in scikit-learn, chance decides between codes that are equally good, e.g. copies.
        code = int(self._rng.choice(np.flatnonzero(best == best.max())))
        self.gains[code] += best[code]
        return code, int(places[code])

    def _leaf(self, rows: np.ndarray) -> float:
        residuals = self._residuals[rows]
        size = np.abs(residuals)
        hessian = (size * (1 - size)).sum()
        value = float(self._shrink * residuals.sum() / hessian) if hessian > 1e-150 else 0.0
        self.fitted[rows] = value
        return value


def _part(array: np.ndarray | None, mask: np.ndarray) -> np.ndarray | None:
    """Return the entries of an array [K, n] under a mask with equally many in each row."""
    return None if array is None else array[mask].reshape(len(array), -1)
