"""Choose the depth of a random forest by cross-validation, as scikit-learn's GridSearchCV does."""

from collections.abc import Callable, Sequence

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_score

_ERROR, _FACTOR = 0.3, 3  # see DepthSearch


class DepthSearch:
    """A forest whose depth is chosen by cross-validation.

    A tree of depth d is the top of a deeper tree that was grown from the same random numbers, so
    the deepest forest of each fold shows how well all depths do. This is almost exact: where two
    splits of a node are equally good, as they often are for a handful of rows, scikit-learn may
    take the other one in a shallower tree. So the best depths are compared by forests of their own,
    which also show the size of this error: every depth that could still win if its error were
    0.3 / sqrt(N), or three times the largest one seen, is compared.

    Args:
        forest: Returns an unfitted forest of this depth that looks at all features in each node.
        depths: The depths to choose from; of two that score the same, the first.
        folds: Parts of the cross-validation, of consecutive rows.
    """

    best_estimator_: RandomForestRegressor

    def __init__(
        self, forest: Callable[[int], RandomForestRegressor], depths: Sequence[int], folds: int = 3
    ):
        self.forest, self.depths, self.folds = forest, list(depths), folds

    def fit(self, x: np.ndarray, y: np.ndarray) -> "DepthSearch":
        """Choose the depth for x [N, K] and y [N], and fit a forest of this depth to all rows."""
        scores = dict(zip(self.depths, self.scores(x, y), strict=True))
        exact: dict[int, float] = {}
        margin, best = _ERROR / np.sqrt(len(x)), max(scores.values())
        while todo := [d for d in scores if d not in exact and scores[d] >= best - margin]:
            exact |= {depth: self._exact_score(x, y, depth) for depth in todo}
            margin = max(margin, *(_FACTOR * abs(exact[d] - scores[d]) for d in exact))
            best = max(exact.values())
        depth = next(depth for depth in self.depths if exact.get(depth) == best)
        self.best_estimator_ = self.forest(depth).fit(x, y)
        return self

    def scores(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the mean of R^2 over the folds for each depth, almost exactly."""
        parts = KFold(self.folds).split(x)
        jobs = (delayed(self._score)(x, y, *part) for part in parts)
        return np.mean(Parallel(n_jobs=-1)(jobs), axis=0)

    def _exact_score(self, x, y, depth):
        return cross_val_score(self.forest(depth), x, y, cv=self.folds, n_jobs=-1).mean()

    def _score(self, x, y, train, test):
        forest = self.forest(max(self.depths)).fit(x[train], y[train])
        # scikit-learn compares float32 inputs with float64 thresholds.
        inputs = np.asarray(x[test], np.float32)
        trees = [predict_at(tree.tree_, inputs, self.depths) for tree in forest]
        return [r2_score(y[test], each) for each in np.mean(trees, axis=0)]


def predict_at(tree, x: np.ndarray, depths: Sequence[int]) -> np.ndarray:
    """Return what the tops of a regression tree predict.

    Args:
        tree: A scikit-learn tree, e.g. `DecisionTreeRegressor.tree_`.
        x: [N, K], float32.
        depths: How many levels of splits to use.

    Returns:
        The predictions, [len(depths), N].
    """
    node, rows, found = np.zeros(len(x), int), np.arange(len(x)), {}
    for depth in range(max(depths) + 1):
        found[depth] = tree.value[node, 0, 0]
        is_left = x[rows, tree.feature[node]] <= tree.threshold[node]
        child = np.where(is_left, tree.children_left[node], tree.children_right[node])
        node = np.where(child >= 0, child, node)  # a leaf's children are -1
    return np.array([found[depth] for depth in depths])
