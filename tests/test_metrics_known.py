"""Every metric on codes whose scores are known beforehand, and against a second way to compute."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mutual_info_score

from disentanglement.metrics import dci
from disentanglement.metrics import dhsic as dhsic_module
from disentanglement.metrics.arrays import dead_codes
from disentanglement.metrics.dci import dci_lasso
from disentanglement.metrics.mutual_information import entropy, mutual_information
from disentanglement.metrics.suite import METRICS, needed_arrays
from tests import codes
from tests.codes import constant, grid, identity, mixed

# dci_rf_cv fits 14 * 3 forests a factor: it has a test of its own.
OF_CODES = [name for name in METRICS if name not in ("sample_quality", "dci_rf_cv")]
FORESTS = ("dci_rf", "dci_rf_ibgan")


def scores(name, encode, sizes=codes.SIZES, **options):
    arrays = codes.arrays(encode, sizes)
    metric = METRICS[name]
    result = metric(**{array: arrays[array] for array in needed_arrays(metric)}, **options)
    return list(result.scores(name).values())


def onehot(classes):
    sizes = classes.max(axis=0) + 1
    return np.concatenate([np.eye(n)[c] for n, c in zip(sizes, classes.T, strict=True)], axis=1)


# ---- perfect and worthless codes ----------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in OF_CODES if n != "explicitness"])
@pytest.mark.parametrize("sizes", [codes.SIZES, (4, 5, 6), (2, 3, 3, 4, 2, 5)])
def test_identity_codes_are_perfect(name, sizes):
    found = scores(name, identity, sizes)
    expected = 0 if name == "dhsic" else 1
    # A forest too shallow to name every level still gives the right code all importance.
    assert found == pytest.approx([expected] * len(found), abs=1e-3 if name in FORESTS else 1e-9)


def test_explicitness_of_identity_and_one_hot_codes():
    assert scores("explicitness", onehot) == pytest.approx([1])
    # One number cannot tell a middle value from the others linearly, but probabilities that sum
    # to 1 over the classes almost do.
    assert 0.99 < scores("explicitness", identity)[0] < 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [(name, [0.0]) for name in ("factor_vae", "factor_vae_revised", "sap", "mig", "modularity")]
    + [(name, [0.0, 0.0]) for name in OF_CODES if name.startswith("dci")]
    + [("beta_vae", [0.2]), ("explicitness", [0.5]), ("dhsic", [0.0])],
)
def test_constant_codes(name, expected):
    assert scores(name, constant) == pytest.approx(expected, abs=1e-9)


def test_lasso_on_nearly_collinear_codes_says_when_it_gives_up():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 30, (2000, 3)) * 1.0
    mix = np.ones((3, 5)) + 0.03 * rng.normal(size=(3, 5))
    made = classes @ mix + 0.3 * rng.normal(size=(2000, 5))
    with pytest.warns(ConvergenceWarning):
        METRICS["dci_lasso_cv"](made, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        METRICS["dci_lasso_cv"](made, classes, max_iter=1_000_000)


def test_cross_validated_forests():
    small = (2, 3, 4)
    assert scores("dci_rf_cv", identity, small) == pytest.approx([1, 1], abs=1e-3)
    assert scores("dci_rf_cv", constant, small) == [0, 0]
    assert scores("dci_rf_cv", mixed_3, small) == scores("dci_rf_cv", mixed_3, small)


def test_cross_validated_forests_try_all_depths(monkeypatch):
    seen = []

    def search(forest, grid, **options):
        seen.append((forest.n_estimators, grid, options["cv"]))
        return forest

    monkeypatch.setattr(dci, "GridSearchCV", search)
    scores("dci_rf_cv", identity, (2, 3))
    assert seen == [(10, {"max_depth": [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]}, 3)] * 2


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
    # Cross-validation may choose the next penalty of its list.
    tolerance = 0.05 if name in FORESTS else 1e-3 if name == "dci_lasso_cv" else 1e-4
    assert found == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", OF_CODES)
def test_signs_do_not_matter(name):
    expected = scores(name, mixed)
    found = scores(name, lambda classes: mixed(classes) * [1, -1, -1, 1])
    # MIG's and Modularity's bins are open on one side: a value on an edge changes its bin.
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
    if name == "modularity":  # the mean over codes counts it as 0
        expected = [expected[0] * 4 / 5]
    if name.startswith("dci"):  # completeness is measured against one code more
        expected, found = expected[:1], found[:1]
    tolerance = 0.05 if name in FORESTS else 1e-3 if name == "explicitness" else 1e-9
    assert found == pytest.approx(expected, abs=tolerance)


def test_results_count_dead_codes():
    arrays = codes.arrays(lambda classes: np.c_[identity(classes), np.full(len(classes), 7.0)])
    for name in ("factor_vae", "sap", "mig", "modularity", "dci_lasso", "dci_rf", "dhsic"):
        metric = METRICS[name]
        assert metric(**{a: arrays[a] for a in needed_arrays(metric)}).dead_codes == 1


def test_a_large_offset_kills_no_code_but_rounding_does():
    made = np.random.default_rng(0).normal(size=(100, 3))
    assert not dead_codes(made + 1e8).any()
    noise = 1 + 1e-7 * made
    assert dead_codes(noise.astype(np.float32)).all()
    assert not dead_codes(noise).any()
    assert not dead_codes(np.array([[1], [2]])).any()
    assert dead_codes(np.array([[2], [2]])).all()


def test_rounding_is_no_information():
    classes = grid((3, 5, 7, 11))
    made = classes[:, [3]] ** 2.0  # independent of the three factors that are asked for
    result = METRICS["modularity"](made, classes[:, :3])
    assert (result.score, result.dead_codes) == (0, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Every group's votes go to the first of the equal codes.
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
    """Codes 0 and 1 share factor 0: each is the quietest in one of its groups."""
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
        made = rng.choice([0.0, 1.0, 2.5], (2 * n, k))
        made[:, 0] = 1.0
        arrays = {
            "group_codes": rng.normal(size=(4 * f, 6, k)) * rng.integers(2, size=k),
            "group_labels": np.arange(4 * f) % f,
            "reference_codes": made,
            "codes": made,
            "factors": ids * 1.5,
            "factor_ids": ids,
            "continuous": np.arange(f) % 2,
        }
        metric = METRICS[name]
        result = metric(**{a: arrays[a] for a in needed_arrays(metric)})
        for value in result.scores(name).values():
            assert np.isfinite(value)
            assert name == "dhsic" or -1e-9 <= value <= 1 + 1e-9


# ---- a second way -------------------------------------------------------------------------------


def test_mutual_information_is_that_of_scikit_learn():
    ids = np.random.default_rng(0).integers(0, [2, 7, 30], size=(500, 3)) - 5
    made = np.random.default_rng(1).normal(size=(500, 2)) + ids[:, :1]
    table = mutual_information(made, ids)
    for j, code in enumerate(made.T):
        edges = np.linspace(code.min(), code.max(), 21)
        bins = [max(np.flatnonzero(edges[:-1] <= x)) for x in code]
        expected = [mutual_info_score(bins, column) for column in ids.T]
        np.testing.assert_allclose(table[j], expected, atol=1e-12)
    np.testing.assert_allclose(entropy(ids), [mutual_info_score(c, c) for c in ids.T], atol=1e-12)


def test_sap_of_a_continuous_factor_is_the_squared_correlation():
    arrays = codes.arrays(mixed)
    table = METRICS["sap"](
        arrays["codes"], arrays["factors"], arrays["factor_ids"], arrays["continuous"]
    ).predictability
    both = np.concatenate([arrays["codes"], arrays["factors"]], axis=1)
    np.testing.assert_allclose(table, np.corrcoef(both.T)[:4, 4:] ** 2, atol=1e-12)


def test_sap_of_a_category_is_a_classifiers_accuracy():
    shapes = np.repeat([0, 1], 50)
    made = np.stack([shapes * 2.0 - 1, np.tile([-1.0, 1], 50)], axis=1)
    result = METRICS["sap"](made, shapes[:, None], shapes[:, None], [False])
    np.testing.assert_allclose(result.predictability, [[1], [0.5]])
    assert result.score == 0.5


@pytest.mark.parametrize("n", [2, 3, 10, 11, 40])
@pytest.mark.parametrize("kind", ["normal", "ties", "constant", "nearly constant"])
def test_dhsic_and_its_bandwidth_by_the_definition(n, kind):
    rng = np.random.default_rng(n)
    made = {
        "normal": rng.normal(size=(n, 3)),
        "ties": rng.integers(3, size=(n, 3)).astype(float),
        "constant": np.ones((n, 3)),
        "nearly constant": np.eye(n, 3),
    }[kind]
    result = METRICS["dhsic"](made)
    kernels = []
    for j, code in enumerate(made.T):
        distance = np.abs(code[:, None] - code)
        h = np.median(distance)
        assert result.bandwidths[j] == pytest.approx(h)
        kernels.append(np.exp(-distance / h**2) if h > 0 else (distance == 0).astype(float))
    terms = [
        np.prod(kernels, axis=0).mean(),
        np.prod([kernel.mean() for kernel in kernels]),
        -2 * np.prod([kernel.mean(axis=1) for kernel in kernels], axis=0).mean(),
    ]
    np.testing.assert_allclose(result.terms, terms, rtol=1e-9)


def test_dhsic_sees_dependence_that_pairs_do_not_show():
    bits = np.array([[a, b, a ^ b] for a in (0, 1) for b in (0, 1)] * 50) * 1.0
    pairs = [METRICS["dhsic"](bits[:, columns]).score for columns in ([0, 1], [0, 2], [1, 2])]
    assert pairs == pytest.approx([0, 0, 0], abs=1e-12)
    assert METRICS["dhsic"](bits).score > 0.01


def test_dhsic_draws_5000_of_more_rows(monkeypatch):
    monkeypatch.setattr(dhsic_module, "SAMPLES", 100)
    made = np.random.default_rng(0).normal(size=(400, 2))
    one, same, other = (METRICS["dhsic"](made, seed=seed).score for seed in (0, 0, 1))
    assert one == same != other


def test_dci_by_hand():
    # Both codes are the first factor.
    classes = grid((5, 5))
    result = dci_lasso(identity(classes)[:, [0, 0]], classes * 1.0)
    # Nothing but factor 0 is predictable; Lasso puts all its weight on one of two equal codes.
    assert result.disentanglement == pytest.approx(1)
    assert result.per_factor[1] == 0
    assert result.completeness == pytest.approx(0.5)


def test_sample_quality_known_answers():
    quality = METRICS["sample_quality"]
    sure = quality(np.tile(np.eye(3), (10, 1)))
    assert sure.inception_score == pytest.approx(3)
    assert (sure.confidence, sure.mode_kl) == (1, pytest.approx(0, abs=1e-12))
    assert sure.mode_counts.tolist() == [10, 10, 10]
    one = quality(np.tile([1.0, 0, 0], (10, 1)))
    assert (one.inception_score, one.mode_kl) == (1, pytest.approx(np.log(3)))
    unsure = quality(np.full((10, 3), 1 / 3))
    assert unsure.inception_score == pytest.approx(1)
    assert unsure.confidence == pytest.approx(1 / 3)
