"""Sampling, pairs and traversals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disentanglement.algorithms.latent import GaussianLatent, JointLatent, UniformLatent
from disentanglement.streams import stream


def joint(codes=5, noise=5):
    return JointLatent(UniformLatent(1), codes, UniformLatent(noise))


def test_samples_are_uniform():
    z = joint().sample(np.random.default_rng(0), 100_000)
    assert (z.shape, z.dtype) == ((100_000, 10), np.float32)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(z.var(axis=0), 1 / 3, atol=0.01)
    np.testing.assert_allclose(np.corrcoef(z.T), np.eye(10), atol=0.02)
    assert np.abs(z).max() <= 1


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0, 2), st.integers(2, 6), st.integers(0, 4))
def test_pairs_share_one_code_and_the_noise(seed, gap, codes, noise):
    pair = joint(codes, noise).sample_pair(np.random.default_rng(seed), 64, gap)
    rows = np.arange(64)
    assert pair.first.shape == pair.second.shape == (64, codes + noise)
    np.testing.assert_array_equal(pair.first[rows, pair.label], pair.second[rows, pair.label])
    np.testing.assert_array_equal(pair.first[:, codes:], pair.second[:, codes:])
    distance = np.abs(pair.first - pair.second)[:, :codes]
    others = np.arange(codes) != pair.label[:, None]
    assert distance[others].min() >= gap - 1e-6
    assert max(np.abs(pair.first).max(), np.abs(pair.second).max()) <= 1 + 1e-6


def test_pairs_use_every_label_and_differ_elsewhere():
    pair = joint().sample_pair(np.random.default_rng(0), 10_000, 0.0)
    counts = np.bincount(pair.label, minlength=5)
    np.testing.assert_allclose(counts, 2000, atol=200)
    equal = pair.first[:, :5] == pair.second[:, :5]
    np.testing.assert_array_equal(equal.sum(axis=1), 1)


def test_gap_pushes_the_larger_up():
    """With the largest gap the two are the two ends of the interval."""
    first, second = UniformLatent(1).sample_apart(np.random.default_rng(0), 100, 2.0)
    np.testing.assert_allclose(np.abs(first), 1)
    np.testing.assert_allclose(first, -second)


def test_traversal():
    latent = joint()
    base = latent.sample(np.random.default_rng(0), 3)
    rows = latent.traverse(base, 2, 4)
    assert rows.shape == (12, 10)
    for s, value in enumerate([-1, -1 / 3, 1 / 3, 1]):
        for r in range(3):
            np.testing.assert_allclose(rows[s * 3 + r, 2], value, rtol=1e-6)
            np.testing.assert_array_equal(np.delete(rows[s * 3 + r], 2), np.delete(base[r], 2))
    noise = latent.traverse(base, 5, 4)
    np.testing.assert_array_equal(noise[:3, 5:], -1)
    np.testing.assert_array_equal(noise[9:, 5:], 1)
    np.testing.assert_array_equal(noise[:3, :5], base[:, :5])


def test_latents_without_noise():
    latent = joint(3, 0)
    assert latent.names == ["code_0", "code_1", "code_2"]
    assert latent.sample(np.random.default_rng(0), 2).shape == (2, 3)


def test_a_code_has_one_dimension():
    with pytest.raises(ValueError, match="one dimension"):
        JointLatent(UniformLatent(2), 5, UniformLatent(5))


def test_pairs_need_uniform_codes():
    latent = JointLatent(GaussianLatent(1), 5, UniformLatent(0))
    with pytest.raises(TypeError, match="pairs need uniform codes, not GaussianLatent"):
        latent.sample_pair(np.random.default_rng(0), 8, 0.0)


def test_streams_differ_by_every_argument():
    draws = [
        stream(*arguments).random()
        for arguments in [(0, "a"), (1, "a"), (0, "b"), (0, "a", 0), (0, "a", 1), (0, "a", 1, 0)]
    ]
    assert len(set(draws)) == len(draws)
    assert stream(3, "x", 4).random() == stream(3, "x", 4).random()


def test_gaussian_codes():
    latent = JointLatent(GaussianLatent(1), 4, UniformLatent(0))
    z = latent.sample(np.random.default_rng(0), 100_000)
    assert (z.shape, z.dtype, latent.dim) == ((100_000, 4), np.float32, 4)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(z.T), np.eye(4), atol=0.02)
    moved = latent.traverse(z[:2], 1, 5)
    np.testing.assert_allclose(moved[::2, 1], [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(moved[::2, [0, 2, 3]], np.tile(z[0, [0, 2, 3]], (5, 1)))
    assert latent.names == ["code_0", "code_1", "code_2", "code_3"]
    np.testing.assert_allclose(GaussianLatent(1, 3.0, 0.5).sweep(3), [2, 3, 4])
