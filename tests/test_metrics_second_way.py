"""Metrics against direct implementations of their definitions."""

import numpy as np
import pytest

from disentanglement.metrics import dhsic as dhsic_module
from disentanglement.metrics.dci import dci_lasso
from disentanglement.metrics.mutual_information import entropy, mutual_information
from disentanglement.metrics.suite import METRICS
from tests import codes
from tests.codes import grid, identity, mixed


def test_mutual_information_by_the_definition():
    ids = np.random.default_rng(0).integers(0, [2, 7, 30], size=(500, 3)) - 5
    x = np.random.default_rng(1).normal(size=(500, 2)) + ids[:, :1]
    table = mutual_information(x, ids)
    for j, code in enumerate(x.T):
        edges = np.linspace(code.min(), code.max(), 21)
        bins = np.array([max(np.flatnonzero(edges[:-1] <= value)) for value in code])
        np.testing.assert_allclose(table[j], [divergence(bins, c) for c in ids.T], atol=1e-12)
    np.testing.assert_allclose(entropy(ids), [divergence(c, c) for c in ids.T], atol=1e-12)


def divergence(a, b):
    """Return the KL divergence of the joint distribution of two labellings from independence."""
    total = 0.0
    for value in set(a):
        for other in set(b):
            if joint := ((a == value) & (b == other)).mean():
                total += joint * np.log(joint / ((a == value).mean() * (b == other).mean()))
    return total


def test_sap_of_a_continuous_factor_is_the_squared_correlation():
    arrays = codes.arrays(mixed)
    table = METRICS["sap"](
        arrays["codes"], arrays["factors"], arrays["factor_ids"], arrays["continuous"]
    ).predictability
    both = np.concatenate([arrays["codes"], arrays["factors"]], axis=1)
    np.testing.assert_allclose(table, np.corrcoef(both.T)[:4, 4:] ** 2, atol=1e-12)


def test_sap_of_a_category_is_a_classifiers_accuracy():
    shapes = np.repeat([0, 1], 50)
    x = np.stack([shapes * 2.0 - 1, np.tile([-1.0, 1], 50)], axis=1)
    result = METRICS["sap"](x, shapes[:, None], shapes[:, None], [False])
    np.testing.assert_allclose(result.predictability, [[1], [0.5]])
    assert result.score == 0.5


@pytest.mark.parametrize("n", [2, 3, 10, 11, 40])
@pytest.mark.parametrize("kind", ["normal", "ties", "constant", "nearly constant"])
def test_dhsic_and_its_bandwidth_by_the_definition(n, kind):
    rng = np.random.default_rng(n)
    x = {
        "normal": rng.normal(size=(n, 3)),
        "ties": rng.integers(3, size=(n, 3)).astype(float),
        "constant": np.ones((n, 3)),
        "nearly constant": np.eye(n, 3),
    }[kind]
    result = METRICS["dhsic"](x)
    kernels = []
    for j, code in enumerate(x.T):
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
    x = np.random.default_rng(0).normal(size=(400, 2))
    one, same, other = (METRICS["dhsic"](x, seed=seed).score for seed in (0, 0, 1))
    assert one == same != other


def test_dci_by_hand():
    # Both codes are the first factor.
    classes = grid((5, 5))
    result = dci_lasso(identity(classes)[:, [0, 0]], classes * 1.0)
    # Only factor 0 is predictable; Lasso puts all its weight on one of two equal codes.
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
