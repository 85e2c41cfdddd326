"""Every metric on codes whose scores are known in advance."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from disentanglement.metrics import dci
from disentanglement.metrics.arrays import dead_codes
from disentanglement.metrics.metric import Metric
from disentanglement.metrics.suite import METRICS
from tests import codes
from tests.codes import constant, grid, identity, mixed

# dci_rf_cv fits 14 * 3 forests per factor: it has its own test.
OF_CODES = [name for name in METRICS if name not in ("sample_quality", "dci_rf_cv")]
FORESTS = ("dci_rf", "dci_rf_ibgan")


def scores(name, encode, sizes=codes.SIZES, **options):
    arrays = codes.arrays(encode, sizes)
    metric = METRICS[name]
    result = metric(**{array: arrays[array] for array in Metric.of(metric).arrays}, **options)
    return list(result.scores(name).values())


def onehot(classes):
    sizes = classes.max(axis=0) + 1
    return np.concatenate([np.eye(n)[c] for n, c in zip(sizes, classes.T, strict=True)], axis=1)


# ---- perfect and useless codes - ----------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in OF_CODES if n != "explicitness"])
@pytest.mark.parametrize("sizes", [codes.SIZES, (4, 5, 6), (2, 3, 3, 4, 2, 5)])
def test_identity_codes_are_perfect(name, sizes):
    found = scores(name, identity, sizes)
    expected = 0 if name == "dhsic" else 1
    # A forest too shallow to distinguish all values still gives the right code all importance.
    assert found == pytest.approx([expected] * len(found), abs=1e-3 if name in FORESTS else 1e-9)


def test_explicitness_of_identity_and_one_hot_codes():
    assert scores("explicitness", onehot) == pytest.approx([1])
    # No linear function of one number separates a middle value from the others, but probabilities
    # that sum to 1 over the classes almost do.
    assert 0.99 < scores("explicitness", identity)[0] < 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [(name, [0.0]) for name in ("factor_vae", "factor_vae_revised", "sap", "mig", "modularity")]
    + [(name, [0.0, 0.0]) for name in OF_CODES if name.startswith("dci")]
    + [("beta_vae", [0.2]), ("explicitness", [0.5]), ("dhsic", [0.0])],
)
def test_constant_codes(name, expected):
    assert scores(name, constant) == pytest.approx(expected, abs=1e-9)


def test_lasso_warns_when_nearly_collinear_codes_do_not_converge():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 30, (2000, 3)) * 1.0
    mix = np.ones((3, 5)) + 0.03 * rng.normal(size=(3, 5))
    x = classes @ mix + 0.3 * rng.normal(size=(2000, 5))
    with pytest.warns(ConvergenceWarning):
        METRICS["dci_lasso_cv"](x, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        METRICS["dci_lasso_cv"](x, classes, max_iter=1_000_000)


def test_cross_validated_forests():
    small = (2, 3, 4)
    assert scores("dci_rf_cv", identity, small) == pytest.approx([1, 1], abs=1e-3)
    assert scores("dci_rf_cv", constant, small) == [0, 0]
    assert scores("dci_rf_cv", mixed_3, small) == scores("dci_rf_cv", mixed_3, small)


def test_cross_validated_forests_try_all_depths(monkeypatch):
    seen = []

    def search(forest, depths):
        seen.append((forest(7).n_estimators, forest(7).max_depth, list(depths)))
        return forest(7)

    monkeypatch.setattr(dci, "DepthSearch", search)
    scores("dci_rf_cv", identity, (2, 3))
    assert seen == [(10, 7, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])] * 2


def test_forests_have_the_papers_depths(monkeypatch):
    depths = []

    def forest(trees, max_depth, random_state):
        depths.append((trees, max_depth, random_state))
        return dci.Lasso()

    monkeypatch.setattr(dci, "RandomForestRegressor", forest)
    for name in FORESTS:
        scores(name, identity, (2, 3, 2, 3, 2, 3), seed=7)
    seeds = range(7, 13)
    assert sorted(depths[:6], key=lambda d: d[2]) == [
        (10, d, s) for d, s in zip([4, 5, 2, 5, 5, 5], seeds, strict=True)
    ]
    assert sorted(depths[6:], key=lambda d: d[2]) == [
        (10, d, s) for d, s in zip([4, 2, 4, 2, 2, 2], seeds, strict=True)
    ]


def mixed_3(classes):
    return classes @ np.array([[1.0, 0.3, 0], [0.2, 1, 0.5], [0, 0.4, 1]])


# ---- what must not matter -----------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_CODES)
def test_the_order_of_codes_does_not_matter(name):
    expected = scores(name, mixed)
    found = scores(name, lambda classes: mixed(classes)[:, [2, 0, 3, 1]])
    # Cross-validation may choose a neighbouring penalty.
    tolerance = 0.05 if name in FORESTS else 1e-3 if name == "dci_lasso_cv" else 1e-4
    assert found == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", OF_CODES)
def test_signs_do_not_matter(name):
    expected = scores(name, mixed)
    found = scores(name, lambda classes: mixed(classes) * [1, -1, -1, 1])
    # The bins of MIG and Modularity are half-open: a value on an edge changes its bin.
    tolerance = 0.05 if name in FORESTS else 0.01 if name in ("mig", "modularity") else 1e-4
    assert found == pytest.approx(expected, abs=tolerance)


# BetaVAE and Explicitness fit regularised classifiers to raw codes; dHSIC's kernel is
# exp(-|a - b| / h^2): all three depend on the codes' scale, as in the paper's code.
@pytest.mark.parametrize(
    "name", [n for n in OF_CODES if n not in ("beta_vae", "explicitness", "dhsic")]
)
def test_scales_do_not_matter(name):
    expected = scores(name, mixed)
    found = scores(name, lambda classes: mixed(classes) * [4, 0.5, 1, 16] + [0, 8, -2, 0])
    assert found == pytest.approx(expected, abs=0.05 if name in FORESTS else 1e-4)


# ---- dead, more and fewer codes -----------------------------------------------------------------


@pytest.mark.parametrize("name", OF_CODES)
def test_a_dead_code(name):
    def with_dead(classes):
        return np.concatenate([np.full((len(classes), 1), 0.3), mixed(classes)], axis=1)

    expected, found = scores(name, mixed), scores(name, with_dead)
    if name == "modularity":  # the dead code counts as 0 in the mean over codes
        expected = [expected[0] * 4 / 5]
    if name.startswith("dci"):  # one more code changes completeness
        expected, found = expected[:1], found[:1]
    tolerance = 0.05 if name in FORESTS else 1e-3 if name == "explicitness" else 1e-9
    assert found == pytest.approx(expected, abs=tolerance)


def test_results_count_dead_codes():
    arrays = codes.arrays(lambda classes: np.c_[identity(classes), np.full(len(classes), 7.0)])
    for name in ("factor_vae", "sap", "mig", "modularity", "dci_lasso", "dci_rf", "dhsic"):
        metric = METRICS[name]
        assert metric(**{a: arrays[a] for a in Metric.of(metric).arrays}).dead_codes == 1


def test_rounding_makes_a_code_dead_but_a_large_offset_does_not():
    x = np.random.default_rng(0).normal(size=(100, 3))
    assert not dead_codes(x + 1e8).any()
    noise = 1 + 1e-7 * x
    assert dead_codes(noise.astype(np.float32)).all()
    assert not dead_codes(noise).any()
    assert not dead_codes(np.array([[1], [2]])).any()
    assert dead_codes(np.array([[2], [2]])).all()


def test_rounding_is_no_information():
    classes = grid((3, 5, 7, 11))
    x = classes[:, [3]] ** 2.0  # independent of the first three factors
    result = METRICS["modularity"](x, classes[:, :3])
    assert (result.score, result.dead_codes) == (0, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Every group votes for the first of two equal codes.
        ("factor_vae", [1]),
        ("factor_vae_revised", [1]),
        ("sap", [0]),
        ("mig", [0]),
        ("modularity", [1]),
        ("beta_vae", [1]),
    ],
)
def test_twice_as_many_codes_as_factors(name, expected):
    found = scores(name, lambda classes: np.tile(identity(classes), 2))
    assert found == pytest.approx(expected, abs=1e-9)


def test_factor_vae_revised_counts_the_best_codes_only():
    votes = METRICS["factor_vae"](**split_votes()).votes
    np.testing.assert_array_equal(votes, [[1, 0], [1, 0], [0, 2]])
    assert METRICS["factor_vae"](**split_votes()).score == 1
    assert METRICS["factor_vae_revised"](**split_votes()).score == 0.75


def split_votes():
    """Return arrays whose codes 0 and 1 share factor 0: each varies least in one of its groups."""
    rng = np.random.default_rng(0)
    spread = np.array([[0.1, 1, 1], [1, 1, 0.1], [1, 0.1, 1], [1, 1, 0.1]])
    return {
        "group_codes": rng.normal(0, 1, (4, 200, 3)) * spread[:, None],
        "group_labels": np.array([0, 1, 0, 1]),
        "reference_codes": rng.normal(0, 1, (1000, 3)),
    }


@pytest.mark.parametrize("name", OF_CODES)
def test_one_code(name):
    found = scores(name, lambda classes: classes[:, :1].astype(float))
    expected = {
        "factor_vae": [1 / 5],
        "factor_vae_revised": [1 / 5],
        "sap": [1 / 5],
        "mig": [1 / 5],
        "modularity": [1],
        "dhsic": [0],
        "dci_lasso": [1, 1 / 5],
    }
    if name in expected:
        assert found == pytest.approx(expected[name], abs=1e-9)
    assert np.isfinite(found).all()


def test_one_factor():
    found = METRICS["dci_lasso"](identity(grid((4, 3)))[:, :1], grid((4, 3))[:, :1] * 1.0)
    assert (found.disentanglement, found.completeness) == pytest.approx((1, 1), abs=1e-12)
    assert scores("mig", identity, (4,)) == pytest.approx([1])


@pytest.mark.parametrize("name", OF_CODES)
def test_random_arrays_give_finite_scores_within_range(name):
    rng = np.random.default_rng(3)
    for k, f, n in [(1, 2, 9), (3, 2, 20), (2, 4, 50), (6, 3, 30)]:
        ids = np.concatenate(
            [np.arange(n)[:, None] % 2 * np.ones(f, int), rng.integers(3, size=(n, f))]
        )
        x = rng.choice([0.0, 1.0, 2.5], (2 * n, k))
        x[:, 0] = 1.0
        arrays = {
            "group_codes": rng.normal(size=(4 * f, 6, k)) * rng.integers(2, size=k),
            "group_labels": np.arange(4 * f) % f,
            "reference_codes": x,
            "codes": x,
            "factors": ids * 1.5,
            "factor_ids": ids,
            "continuous": np.arange(f) % 2,
        }
        metric = METRICS[name]
        result = metric(**{a: arrays[a] for a in Metric.of(metric).arrays})
        for value in result.scores(name).values():
            assert np.isfinite(value)
            assert name == "dhsic" or -1e-9 <= value <= 1 + 1e-9
