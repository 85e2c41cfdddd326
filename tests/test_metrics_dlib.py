"""disentanglement_lib's metrics: known answers, and the formulas with scikit-learn's learners."""

import inspect

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.svm import LinearSVC

from disentanglement.evaluation.draws import FactorTable
from disentanglement.metrics.arrays import ArrayError
from disentanglement.metrics.boosted_trees import SortedCodes, boost
from disentanglement.metrics.suite import DLIB
from tests.codes import grid, identity, mixed

SIZES = (3, 4, 5)


def arrays(encode, train=600, test=300, points=200, sizes=SIZES):
    """Return the arrays of the protocol, drawn from a grid of factors."""
    rng, table = np.random.default_rng(0), FactorTable(grid(sizes), is_grid=True)
    found = {"reference_codes": encode(table.ids[table.sample(rng, train)])}
    for part, n in (("train", train), ("test", test)):
        ids = table.ids[table.sample(rng, n)]
        labels = np.arange(points) % len(sizes)
        first = np.repeat(table.sample(rng, points)[:, None], 20, axis=1)
        group = table.sharing(rng, first.ravel(), np.repeat(labels, 20))
        one = table.sample(rng, points * 20)
        pair = np.stack([one, table.sharing(rng, one, np.repeat(labels, 20))], axis=1)
        found |= {
            f"{part}_codes": encode(ids),
            f"{part}_ids": ids,
            f"{part}_group_codes": encode(table.ids[group]).reshape(points, 20, -1),
            f"{part}_group_labels": labels,
            f"{part}_pair_codes": encode(table.ids[pair.ravel()]).reshape(points, 20, 2, -1),
            f"{part}_pair_labels": labels,
        }
    return found


def run(name, given):
    metric = DLIB[f"dlib.{name}"]
    return metric(
        **{key: given[key] for key in inspect.signature(metric).parameters if key in given}
    )


def noisy(classes):
    return mixed(classes) + np.random.default_rng(len(classes)).normal(0, 0.3, (len(classes), 4))


PERFECT = {
    "factor_vae": 1,
    "beta_vae": 1,
    "mig": 1,
    "modularity": 1,
    "dci": (1, 1, 1),
    "irs": 1,
}


@pytest.mark.parametrize("name", PERFECT)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_perfect_and_permuted_codes(name, order):
    found = run(name, arrays(lambda c: identity(c)[:, order]))
    # Factors that are drawn, not enumerated, share a little information.
    tolerance = 0.02 if name in ("mig", "modularity") else 1e-3
    assert list(found.scores(name).values()) == pytest.approx(
        list(np.atleast_1d(PERFECT[name])), abs=tolerance
    )


def test_noise_has_chance_level():
    def noise(classes):
        return np.random.default_rng(7).normal(size=(len(classes), 3))

    given = arrays(noise, train=2000, test=1000)
    assert run("mig", given).score < 0.01
    assert run("sap", given).score < 0.1
    assert run("beta_vae", given).score == pytest.approx(1 / 3, abs=0.1)
    assert run("explicitness", given).score == pytest.approx(0.5, abs=0.06)
    assert run("irs", given).score < 0.45
    chance = np.mean([1 / size for size in SIZES])
    assert run("dci", given).informativeness == pytest.approx(chance, abs=0.05)


def test_constant_codes():
    given = arrays(lambda c: np.full((len(c), 2), 0.3), train=100, test=50)
    expected = {"factor_vae": 0, "mig": 0, "modularity": 0, "irs": 0, "sap": 0}
    assert {name: run(name, given).score for name in expected} == expected
    assert run("explicitness", given).score == pytest.approx(0.5)
    found = run("dci", given)
    assert (found.disentanglement, found.completeness, found.dead_codes) == (0, 0, 2)


def test_a_dead_code_is_pruned_or_left_out():
    def with_dead(classes):
        return np.c_[identity(classes), np.full(len(classes), 7.0)]

    given = arrays(with_dead)
    found = run("factor_vae", given)
    assert (found.score, found.pruned.tolist()) == (1, [False, False, False, True])
    assert run("irs", given).dead_codes == 1
    assert run("dci", given).disentanglement == pytest.approx(1, abs=1e-3)
    assert run("explicitness", given).score > 0.9


def test_codes_below_the_threshold_are_pruned():
    given = arrays(lambda c: identity(c) * [1, 1, 0.01])
    found = run("factor_vae", given)
    assert found.pruned.tolist() == [False, False, True]
    assert found.note == "1 code pruned (standard deviation below 0.05)"
    assert found.score < 0.9


def test_redundant_codes():
    given = arrays(lambda c: np.tile(identity(c), 2))
    assert run("mig", given).score == pytest.approx(0, abs=1e-9)
    assert run("sap", given).score == 0
    found = run("dci", given)
    assert found.disentanglement == pytest.approx(1, abs=1e-3)
    # Chance decides which copy a split takes: two of six codes share a factor.
    assert found.completeness == pytest.approx(1 - np.log(2) / np.log(6), abs=0.05)


def test_votes_are_learned_on_one_set_and_scored_on_the_other():
    given = arrays(identity)
    given["test_group_labels"] = (given["test_group_labels"] + 1) % 3
    found = run("factor_vae", given)
    assert (found.score, found.train_score) == (0, 1)


def test_mig_and_modularity_by_the_definition():
    given = arrays(noisy)
    x, ids = given["train_codes"], given["train_ids"]
    table, entropies = np.zeros((4, 3)), np.zeros(3)
    for i in range(3):
        p_value = np.bincount(ids[:, i]) / len(ids)
        entropies[i] = -sum(p * np.log(p) for p in p_value)
        for j in range(4):
            edges = np.histogram(x[:, j], 20)[1]
            bins = np.digitize(x[:, j], edges[:-1]) - 1
            for b in range(20):
                for v in range(SIZES[i]):
                    joint = np.mean((bins == b) & (ids[:, i] == v))
                    if joint:
                        table[j, i] += joint * np.log(joint / np.mean(bins == b) / p_value[v])
    gaps = [np.subtract(*sorted(column)[:-3:-1]) for column in table.T]
    assert run("mig", given).score == pytest.approx(np.mean(gaps / entropies), rel=1e-9)
    parts = []
    for row in table:
        best = row.argmax()
        off = sum(row[i] ** 2 for i in range(3) if i != best)
        parts.append(1 - off / (row[best] ** 2 * 2))
    assert run("modularity", given).score == pytest.approx(np.mean(parts), rel=1e-9)


def test_sap_by_the_definition():
    given = arrays(noisy)
    table = run("sap", given).accuracy
    for j in range(4):
        for i in range(3):
            model = LinearSVC(C=0.01, class_weight="balanced", random_state=0)
            model.fit(given["train_codes"][:, [j]], given["train_ids"][:, i])
            expected = model.score(given["test_codes"][:, [j]], given["test_ids"][:, i])
            assert table[j, i] == pytest.approx(expected, abs=0.01)


def test_explicitness_by_the_definition():
    given = arrays(noisy)
    x, x_test = given["train_codes"], given["test_codes"]
    mean, scale = x.mean(axis=0), x.std(axis=0)
    areas = []
    for train, test in zip(given["train_ids"].T, given["test_ids"].T, strict=True):
        model = LogisticRegression().fit((x - mean) / scale, train)
        indicators = LabelBinarizer().fit(train).transform(test)
        areas.append(roc_auc_score(indicators, model.predict_proba((x_test - mean) / scale)))
    np.testing.assert_allclose(run("explicitness", given).per_factor, areas, rtol=1e-6)


def test_beta_vae_and_factor_vae_by_the_definition():
    given = arrays(noisy)
    features = {}
    for part in ("train", "test"):
        pairs = given[f"{part}_pair_codes"]
        features[part] = [np.mean([abs(a - b) for a, b in point], axis=0) for point in pairs]
    model = LogisticRegression().fit(features["train"], given["train_pair_labels"])
    expected = model.score(features["test"], given["test_pair_labels"])
    assert run("beta_vae", given).score == pytest.approx(expected)
    variance = np.var(given["reference_codes"], axis=0, ddof=1)
    votes = {}
    for part in ("train", "test"):
        table = votes[part] = np.zeros((3, 4))
        labels = given[f"{part}_group_labels"]
        for group, label in zip(given[f"{part}_group_codes"], labels, strict=True):
            table[label, np.argmin(np.var(group, axis=0, ddof=1) / variance)] += 1
    best = votes["train"].argmax(axis=0)
    assert run("factor_vae", given).score == votes["test"][best, range(4)].sum() / 200


def test_irs_by_the_definition():
    given = arrays(noisy)
    x, ids = given["train_codes"], given["train_ids"]
    table = np.zeros((4, 3))
    for j in range(4):
        for i in range(3):  # up to 20 values: every value has a bin of its own
            moved = []
            for value in np.unique(ids[:, i]):
                code = x[ids[:, i] == value, j]
                moved.append(np.quantile(abs(code - code.mean()), 0.99))
            table[j, i] = 1 - np.mean(moved) / abs(x[:, j] - x[:, j].mean()).max()
    weights = [abs(code - code.mean()).max() for code in x.T]
    found = run("irs", given)
    np.testing.assert_allclose(found.robustness, table, rtol=1e-9)
    assert found.score == pytest.approx(np.average(table.max(axis=1), weights=weights))


def code_sets():
    rng = np.random.default_rng(2)
    classes = rng.integers(0, (3, 4, 5, 2), (1500, 4))
    continuous = noisy(classes)
    return {
        "mixed": continuous,
        "rounded": np.round(continuous),
        "dead": np.c_[continuous, np.ones(1500)],
        "scaled": continuous * [1e-3, 1, 10, 1e3],
        "independent": rng.normal(size=(1500, 3)),
    }, classes


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mixed", "rounded", "dead", "scaled", "independent"])
def test_dci_is_that_of_scikit_learns_trees(kind):
    codes, classes = code_sets()
    x, train, test = codes[kind], slice(0, 1000), slice(1000, None)
    given = {"train_codes": x[train], "train_ids": classes[train]}
    found = run("dci", given | {"test_codes": x[test], "test_ids": classes[test]})
    columns, accuracy = [], []
    for column in classes.T:
        model = GradientBoostingClassifier(random_state=0).fit(x[train], column[train])
        columns.append(model.feature_importances_)
        accuracy.append(model.score(x[test], column[test]))
    table = np.stack(columns, axis=1)
    np.testing.assert_allclose(found.importance, table, atol=0.01)
    per_code = 1 - entropy(table.T + 1e-11, base=4)
    per_factor = 1 - entropy(table + 1e-11, base=len(table))
    expected = [
        (per_code * table.sum(axis=1)).sum() / table.sum(),
        (per_factor * table.sum(axis=0)).sum() / table.sum(),
        np.mean(accuracy),
    ]
    assert list(found.scores("dci").values()) == pytest.approx(expected, abs=0.01)


def test_one_stage_is_exactly_scikit_learns(monkeypatch):
    monkeypatch.setattr("disentanglement.metrics.boosted_trees.STAGES", 1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 4)).astype(np.float32)
    for classes in (2, 5):
        labels = np.digitize(x[:, 0] + x[:, 1] * rng.normal(size=3000), [-0.5, 0, 0.5, 1])
        labels = labels % classes
        model = GradientBoostingClassifier(n_estimators=1, random_state=0).fit(x, labels)
        found = boost(SortedCodes(x), labels, x[:100])
        np.testing.assert_allclose(found.importance, model.feature_importances_, rtol=1e-9)
        np.testing.assert_array_equal(found.predicted, model.predict(x))
        np.testing.assert_array_equal(found.predicted_test, model.predict(x[:100]))


def test_equal_seeds_give_equal_trees(monkeypatch):
    monkeypatch.setattr("disentanglement.metrics.boosted_trees.STAGES", 10)
    codes, classes = code_sets()
    x = SortedCodes(np.round(codes["mixed"][:300]))
    one, two, other = (boost(x, classes[:300, 0], np.ones((1, 4)), s).importance for s in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_values_that_training_lacks():
    given = arrays(identity, train=100, test=50)
    given["test_ids"] = given["test_ids"].copy()
    given["test_ids"][0, 1] = 9
    with pytest.raises(ArrayError, match="factor 1 takes the value 9, which train_ids lack"):
        run("explicitness", given)
    for name in ("sap", "dci"):
        assert run(name, given).note == "value 9 of factor 1 only in test_ids: counted as mistakes"


@pytest.mark.parametrize(
    ("array", "value", "message"),
    [
        ("train_codes", np.full((600, 3), np.nan), "train_codes holds 1,800 NaN or infinite"),
        ("train_ids", np.zeros((600, 3), int), "train_ids: factor 0 has the single value 0"),
        ("test_codes", np.ones((300, 2)), "test_codes .* has K = 2"),
        ("test_ids", np.ones((299, 3), int), "test_ids .* has N4 = 299"),
    ],
)
def test_bad_arrays(array, value, message):
    with pytest.raises(ArrayError, match=message):
        run("dci", arrays(identity) | {array: value})


def test_pairs_are_pairs():
    given = arrays(identity)
    given["train_pair_codes"] = given["train_pair_codes"][:, :, :1]
    with pytest.raises(ArrayError, match=r"train_pair_codes must have the shape \[P1, L2, 2, K\]"):
        run("beta_vae", given)
