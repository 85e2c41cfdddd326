"""InfoMEC: known answers, and its formulas with scikit-learn's estimators."""

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mutual_info_score

from disentanglement.metrics.arrays import ArrayError
from disentanglement.metrics.suite import INFOMEC

infomec, discrete = INFOMEC["infomec"], INFOMEC["infomec_discrete"]
RNG = np.random.default_rng(0)
IDS = RNG.integers(0, (3, 4, 5), (1500, 3))


def noise(scale, k=3):
    return scale * np.random.default_rng(1).normal(size=(1500, k))


def scores(result):
    return [result.infom, result.infoe, result.infoc]


def test_perfect_codes():
    # Unpenalised regression separates the classes only as far as its 100 rounds go.
    found = discrete(IDS, IDS)
    assert found.infom == pytest.approx(1, abs=0.02)
    assert found.infoc == pytest.approx(1, abs=0.02)
    assert found.infoe > 0.99


def test_order_and_scale_do_not_matter():
    x = IDS + noise(0.3)
    expected = scores(infomec(x, IDS))
    for other in (x[:, [2, 0, 1]], x * 1000 - 5):
        assert scores(infomec(other, IDS)) == pytest.approx(expected, abs=0.01)


def test_noise_informs_about_nothing():
    found = infomec(noise(1), IDS)
    assert found.information.max() < 0.05
    assert found.infoe == pytest.approx(0, abs=0.02)


def test_redundant_codes_are_modular_but_not_compact():
    found = discrete(np.tile(IDS, 2), IDS)
    assert found.infom == pytest.approx(1, abs=0.02)
    # Half of a factor's information is in each of its two codes, of six.
    assert found.infoc == pytest.approx((1 / 2 - 1 / 6) / (1 - 1 / 6), abs=0.02)


def test_one_code_of_all_factors_is_compact_but_not_modular():
    code = IDS[:, [0]] + 3 * IDS[:, [1]] + 12 * IDS[:, [2]]
    found = discrete(code, IDS)
    # It determines every factor: a third of its normalised information is on each.
    assert found.infom == pytest.approx(0, abs=1e-9)
    assert found.infoc == 1
    assert found.note == "one code is active: infoc is 1 by definition"


def test_without_an_active_code():
    found = infomec(np.ones((1500, 2)), IDS)
    assert scores(found) == pytest.approx([0, 0, 0], abs=1e-9)
    assert found.note == "no code is active: infom and infoc are 0 by definition"


def test_the_pruning_rules():
    # Ranges 4, 0.4 and 0.1 of the first; the last has a range of 4, but hardly ever moves.
    x = RNG.uniform(0, 1, (1500, 4)) * [4, 0.4, 0.1, 0]
    x[0, 3] = 4
    x[1:, 3] = RNG.uniform(0, 0.1, 1499)
    rules = {
        "infomec": ("range / 20", [True, True, False, True]),
        "infomec_range_8": ("range / 8", [True, False, False, True]),
        "infomec_iqr_10": ("interquartile range / 10", [True, False, False, False]),
    }
    for name, (rule, active) in rules.items():
        found = INFOMEC[name](x, IDS)
        assert (found.pruning, found.active.tolist()) == (rule, active), name


@pytest.mark.parametrize(("name", "neighbours"), [("infomec", 10), ("infomec_range_8", 3)])
def test_continuous_codes_by_the_definition(name, neighbours):
    x = IDS @ RNG.normal(size=(3, 4)) + noise(0.3, 4)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    table = np.empty((3, 4))
    explicit = []
    for i, labels in enumerate(IDS.T):
        for j in range(4):
            code = standard[:, [j]]
            (table[i, j],) = mutual_info_classif(
                code, labels, n_neighbors=neighbours, random_state=3
            )
        table[i] /= mutual_info_score(labels, labels)
        loss = []
        for inputs in (standard, np.zeros_like(standard)):
            model = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=100)
            model.fit(inputs, labels)
            loss.append(log_loss(labels, model.predict_proba(inputs)))
        explicit.append((loss[1] - loss[0]) / loss[1])
    infom = (np.mean(table.max(axis=0) / table.sum(axis=0)) - 1 / 3) / (1 - 1 / 3)
    infoc = (np.mean(table.max(axis=1) / table.sum(axis=1)) - 1 / 4) / (1 - 1 / 4)
    found = INFOMEC[name](x, IDS)
    np.testing.assert_allclose(found.information, table, atol=1e-6)
    assert scores(found) == pytest.approx([infom, np.mean(explicit), infoc], abs=1e-6)


def test_continuous_codes_are_not_taken_for_discrete_ones():
    with pytest.raises(ArrayError, match="code 0 has 1,500 values, .* use infomec"):
        discrete(noise(1), IDS)


def test_a_value_that_occurs_once():
    ids = IDS.copy()
    ids[0, 1] = 9
    with pytest.raises(ArrayError, match="factor 1 takes the value 9 only once"):
        infomec(noise(1), ids)


def test_one_factor_and_bad_codes():
    with pytest.raises(ArrayError, match="two factors or more"):
        infomec(noise(1), IDS[:, :1])
    with pytest.raises(ArrayError, match="codes holds 4,500 NaN"):
        infomec(noise(np.nan), IDS)
