"""The depth of dci_rf_cv's forests: one forest for all depths, and scikit-learn's own search."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GridSearchCV

from disentanglement.metrics.forest_depth import DepthSearch, predict_at

DEPTHS = range(2, 16)


def forest(depth=None):
    return RandomForestRegressor(10, max_depth=depth, random_state=3)


def data(rows, noise, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4))
    return x, np.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2] + noise * rng.normal(size=rows)


def test_the_top_of_a_tree_is_a_shallower_tree():
    x, y = data(400, 0.1, 0)
    deep = forest(8).fit(x, y)
    found = sum(predict_at(tree.tree_, x.astype(np.float32), DEPTHS) for tree in deep) / 10
    np.testing.assert_allclose(found[DEPTHS.index(2)], forest(2).fit(x, y).predict(x))
    np.testing.assert_allclose(found[DEPTHS.index(8)], deep.predict(x))
    np.testing.assert_array_equal(found[DEPTHS.index(8)], found[DEPTHS.index(15)])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("rows", "noise"), [(300, 0.1), (300, 2), (2000, 0.5), (2000, 2)])
def test_it_finds_what_grid_search_finds(rows, noise, seed):
    x, y = data(rows, noise, seed)
    theirs = GridSearchCV(forest(), {"max_depth": list(DEPTHS)}, cv=3, n_jobs=2).fit(x, y)
    search = DepthSearch(forest, DEPTHS)
    exact = theirs.cv_results_["mean_test_score"]
    np.testing.assert_allclose(search.scores(x, y), exact, atol=1 / np.sqrt(rows))
    best = search.fit(x, y).best_estimator_
    assert best.max_depth == theirs.best_params_["max_depth"]
    np.testing.assert_array_equal(
        best.feature_importances_, theirs.best_estimator_.feature_importances_
    )


def test_two_depths_that_score_the_same():
    x, y = data(60, 0, 5)
    y = (x[:, 0] > 0).astype(float)  # one split is enough
    assert DepthSearch(forest, DEPTHS).fit(x, y).best_estimator_.max_depth == 2
