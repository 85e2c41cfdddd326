"""ModelCentrality and UDR as functions of arrays: known answers, and a second way."""

import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from disentanglement.metrics.arrays import ArrayError
from disentanglement.metrics.factor_vae_metric import factor_vae
from disentanglement.selection.centrality import centralities, symmetric
from disentanglement.selection.ranking import are_tied, rank_correlation, ranking
from disentanglement.selection.udr import (
    correspondence,
    informative_by_kl,
    kl_from_prior,
    lasso_relation,
    spearman_relation,
    udr,
)

RNG = np.random.default_rng(0)
CODES = RNG.uniform(-1, 1, (1000, 5))
METHODS = ("lasso", "spearman")


def rotated(codes, angle=np.pi / 4):
    """Mix codes 0 and 1, and 2 and 3."""
    c, s = np.cos(angle), np.sin(angle)
    mixed = codes.copy()
    for i in (0, 2):
        mixed[:, i], mixed[:, i + 1] = (
            c * codes[:, i] - s * codes[:, i + 1],
            s * codes[:, i] + c * codes[:, i + 1],
        )
    return mixed


# ---- the score of a pair ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "score"),
    [
        (np.eye(3), 1),
        (np.ones((3, 3)), 1 / 3),
        ([[1, 1, 0], [1, 1, 0], [0, 0, 1]], 2 / 3),
        (np.zeros((3, 3)), 0),
        (np.zeros((0, 3)), 0),
        (np.eye(3)[[2, 0, 1]], 1),
        ([[1, 0, 0], [0, 1, 0]], (1 + 2 / 3) / 2),  # a latent without a partner
        (0.5 * np.eye(2), 0.5),  # 0.25 / 0.5
    ],
)
def test_known_scores_of_a_pair(relation, score):
    assert correspondence(relation) == pytest.approx(score)


def test_a_pair_from_the_definition():
    relation = RNG.random((4, 6))
    columns = [max(c) ** 2 / sum(c) for c in relation.T.tolist()]
    rows = [max(r) ** 2 / sum(r) for r in relation.tolist()]
    expected = (sum(columns) / 6 + sum(rows) / 4) / 2
    assert correspondence(relation) == pytest.approx(expected)


def test_lasso_weights_of_independent_standardised_codes():
    """The Lasso shrinks the weight of an orthogonal predictor by alpha: 1 becomes 0.9."""
    codes = np.linalg.qr(CODES - CODES.mean(axis=0))[0] * np.sqrt(1000)
    codes -= codes.mean(axis=0)
    order, signs = [3, 0, 4, 1, 2], np.array([1, -1, 1, -1, -1])
    relation = lasso_relation(codes, codes[:, order] * signs)
    expected = np.zeros((5, 5))
    expected[order, range(5)] = 0.9
    assert relation == pytest.approx(expected, abs=0.01)


def test_lasso_by_coordinate_descent():
    """An implementation of our own of the same minimum: |y - Xw|^2 / 2N + 0.1 |w|_1."""
    x, y = rotated(CODES, 0.3), CODES[:, :1] + 0.5 * CODES[:, 1:2]
    x, y = ((a - a.mean(axis=0)) / a.std(axis=0) for a in (x, y))
    w = np.zeros(5)
    for _ in range(500):
        for a in range(5):
            rest = y[:, 0] - x @ w + x[:, a] * w[a]
            inner = x[:, a] @ rest / 1000
            w[a] = np.sign(inner) * max(abs(inner) - 0.1, 0)
    assert lasso_relation(x, y)[:, 0] == pytest.approx(np.abs(w), abs=1e-3)


def test_spearman_by_scipy_pair_by_pair():
    one, other = np.round(CODES, 1), np.exp(rotated(CODES))[:, :3]  # with ties
    found = spearman_relation(one, other)
    assert found.shape == (5, 3)
    for a, b in itertools.product(range(5), range(3)):
        expected = abs(spearmanr(one[:, a], other[:, b]).statistic)
        assert found[a, b] == pytest.approx(expected)


# ---- UDR ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_copies_rank_above_noisy_ones_above_entangled_ones(method):
    """Three runs that found the same codes, in other orders and with other signs, and two worse."""
    signs = np.array([1, -1, -1, 1, -1])
    noisy = CODES + RNG.normal(0, 0.3, CODES.shape)
    runs = [
        CODES[:, [4, 2, 0, 1, 3]] * signs,
        rotated(CODES),
        noisy,
        CODES * 3 + 1,
        CODES[:, ::-1],
    ]
    result = udr(runs, method)
    assert set(ranking(result.scores)[:3]) == {0, 3, 4}
    assert ranking(result.scores)[3:] == [2, 1]
    assert result.scores[[0, 3, 4]] == pytest.approx(result.scores[0], abs=1e-9)
    assert result.scores[0] > 0.8
    again = udr(runs[::-1], method)
    assert again.scores == pytest.approx(result.scores[::-1])


@pytest.mark.parametrize("method", METHODS)
def test_pairs_and_medians(method):
    runs = [CODES, rotated(CODES, 0.2), rotated(CODES, 0.5), CODES[:, :4]]
    result = udr(runs, method)
    relation = {"lasso": lasso_relation, "spearman": spearman_relation}[method]
    for i, j in itertools.permutations(range(4), 2):
        one, other = ((a - a.mean(axis=0)) / a.std(axis=0) for a in (runs[i], runs[j]))
        assert result.pairs[i, j] == pytest.approx(correspondence(relation(one, other)))
    assert np.diag(result.pairs).tolist() == [0] * 4
    assert result.scores[2] == pytest.approx(np.median(result.pairs[[0, 1, 3], 2]))


@pytest.mark.parametrize("method", METHODS)
def test_latents_without_information_are_left_out(method):
    """A latent that samples its prior varies, but its KL is 0. Unmasked, it lowers the UDR."""
    with_noise = np.concatenate([CODES, RNG.normal(size=(1000, 5))], axis=1)
    masks = [informative_by_kl([1, 2, 0.5, 0.02, 1, 0.01, 0, 0.005, 0, 0]), None]
    masked = udr([with_noise, CODES], method, masks)
    plain = udr([CODES, CODES], method)
    assert masked.scores == pytest.approx(plain.scores)
    assert masked.used[0].tolist() == [True] * 5 + [False] * 5
    assert udr([with_noise, CODES], method).scores[0] < plain.scores[0] - 0.2


def test_dead_latents_are_left_out_and_counted():
    dead = np.concatenate([CODES, np.full((1000, 2), 0.3)], axis=1)
    result = udr([dead, CODES])
    assert result.dead == [2, 0]
    assert result.scores == pytest.approx(udr([CODES, CODES]).scores)
    nothing = udr([np.ones((1000, 3)), CODES, CODES])
    assert nothing.dead == [3, 0, 0]
    assert nothing.scores[0] == 0


def test_kl_from_the_prior():
    """KL of N(1, 4) from N(0, 1): (1 + 4 - 1 - log 4) / 2."""
    found = kl_from_prior([[1, 0, 0], [1, 0, 2]], np.log([[4, 1, 1], [4, 1, 1]]))
    assert found == pytest.approx([(4 - np.log(4)) / 2, 0, 1])
    assert informative_by_kl(found).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([CODES], "1 model cannot be compared, train at least 2"),
        ([CODES, CODES[:999]], "model 1: its codes are of 999 images, those of model 0 of 1,000: "),
        ([CODES, np.where(CODES > 0.99, np.nan, CODES)], "model 1: codes holds .* NaN"),
        ([CODES, CODES[:, 0]], r"model 1: codes must have the shape \[N, K\]"),
        ([CODES, CODES.astype(str)], "model 1: codes has dtype"),
    ],
)
def test_codes_that_cannot_be_used(runs, message):
    with pytest.raises(ArrayError, match=message):
        udr(runs)


# ---- ModelCentrality ----------------------------------------------------------------------------


def test_centralities_by_hand():
    scores = [[0.9, 0.8, 0.2], [0.6, 1.0, 0.4], [0.4, 0.2, 0.7]]
    assert symmetric(scores)[0].tolist() == pytest.approx([0.9, 0.7, 0.3])
    assert centralities(scores) == pytest.approx([0.5, 0.5, 0.3])
    assert ranking(centralities(scores)) == [0, 1, 2]
    changed = np.array(scores)
    np.fill_diagonal(changed, np.nan)
    assert centralities(changed) == pytest.approx([0.5, 0.5, 0.3])


def group_codes(encode, groups=100, size=50):
    """Codes of images that a generator made with code i mod 5 shared, seen by an encoder."""
    latents = RNG.uniform(-1, 1, (groups, size, 5))
    labels = np.arange(groups) % 5
    for group, label in zip(latents, labels, strict=True):
        group[:, label] = group[0, label]
    reference = RNG.uniform(-1, 1, (2000, 5))
    return encode(latents.reshape(-1, 5)).reshape(latents.shape), labels, encode(reference)


def test_copies_are_more_central_than_noisy_ones_and_those_than_entangled_ones():
    """Model i sees the true factors as f(factors); its generator inverts that."""

    def noisy(x):
        return x + RNG.normal(0, 0.4, x.shape)

    def shuffled(x):
        return -x[:, [2, 0, 4, 1, 3]]

    def unshuffled(x):
        return -x[:, [1, 3, 0, 4, 2]]

    def same(x):
        return x

    models = [  # encoder: factors -> codes; generator: codes -> factors
        (same, same),
        (shuffled, unshuffled),
        (noisy, same),
        (rotated, lambda x: rotated(x, -np.pi / 4)),
    ]
    assert unshuffled(shuffled(CODES)) == pytest.approx(CODES)
    scores = np.zeros((4, 4))
    for i, (encode, _) in enumerate(models):
        for j, (_, generate) in enumerate(models):
            found = group_codes(lambda x, e=encode, g=generate: e(g(x)))
            scores[i, j] = factor_vae(*found).score
    found = centralities(scores)
    assert scores[0, 1] == scores[1, 0] == 1
    assert set(ranking(found)[:2]) <= {0, 1, 2}
    assert ranking(found)[3] == 3
    assert found[0] > found[3] + 0.1


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.ones((1, 1)), "1 model cannot be compared"),
        (np.ones((2, 3)), r"square matrix \[n, n\], not \(2, 3\)"),
        ([[1, np.nan], [0.5, 1]], "encoder 0 on the images of generator 1 is not finite"),
    ],
)
def test_scores_that_cannot_be_used(scores, message):
    with pytest.raises(ArrayError, match=message):
        centralities(scores)


# ---- orders -------------------------------------------------------------------------------------


def test_rankings():
    assert ranking([0.2, 0.9, 0.9, 0.1]) == [1, 2, 0, 3]
    assert ranking([0.2, 0.9, 0.9 + 1e-12, 0.1]) == [1, 2, 0, 3]  # equal but for rounding
    assert ranking([0.2, 0.9, 0.9 + 1e-6, 0.1]) == [2, 1, 0, 3]
    assert are_tied([0.5, 0.5 + 1e-12])
    assert not are_tied([0.5, 0.51])


def test_rank_correlation():
    one, other = RNG.random(9).round(1), RNG.random(9).round(1)  # with ties
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert rank_correlation([1, 2, 3], [10, 30, 20]) == pytest.approx(0.5)
    for undefined in (([1, 2], [1, 2]), ([1, 2, 3], [5, 5, 5])):
        assert np.isnan(rank_correlation(*undefined))
