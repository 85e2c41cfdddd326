"""The FactorVAE metric: the paper's own numbers, and answers known beforehand."""

import numpy as np
import pytest

from disentanglement.data.dsprites_render import FACTOR_SIZES
from disentanglement.metrics import evaluation
from disentanglement.metrics.factor_vae import factor_vae
from tests.experiments import DATA


class FactorsAsImages:
    """A data set whose images are their factors, so that codes can be made of them."""

    factor_sizes = FACTOR_SIZES

    def __len__(self):
        return int(np.prod(FACTOR_SIZES))

    def images(self, indices):
        return np.stack(np.unravel_index(indices, FACTOR_SIZES), axis=1)[:, 1:].astype(np.float32)

    def index(self, factors):
        return np.ravel_multi_index(tuple(factors.T), FACTOR_SIZES)


def arrays(encode, groups=500, seed=0):
    data = FactorsAsImages()
    images = evaluation.draw_images(data, np.random.default_rng(seed), groups)
    return evaluation.encode_images(encode, data, images)


def score(encode):
    return factor_vae(**arrays(encode))


def test_golden():
    golden = np.load(DATA / "factor_vae_metric.npz")
    result = factor_vae(golden["group_codes"], golden["group_labels"], golden["reference_codes"])
    assert result.score == pytest.approx(float(golden["score"]), abs=1e-6)
    np.testing.assert_array_equal(result.votes, golden["votes"])
    assert result.dead_codes == 0


def test_identity_is_perfect():
    result = score(lambda factors: factors)
    assert result.score == 1
    np.testing.assert_array_equal(result.votes, 100 * np.eye(5))


def test_permuted_flipped_and_scaled_codes_score_the_same():
    transform = np.array([3.0, -0.01, 100, -7, 1], np.float32)
    result = score(lambda factors: (factors * transform + 5)[:, [4, 2, 0, 1, 3]])
    assert result.score == 1


def test_constant_codes_score_zero():
    result = score(lambda factors: np.full_like(factors, 0.1))
    assert result.score == 0
    assert result.dead_codes == 5


def test_a_dead_code_never_votes():
    def encode(factors):
        return np.concatenate([np.full((len(factors), 1), 0.3, np.float32), factors], axis=1)

    result = score(encode)
    assert (result.score, result.dead_codes) == (1, 1)
    assert result.votes[0].sum() == 0


def test_fewer_and_more_codes_than_factors():
    assert score(lambda factors: factors[:, :1]).score == pytest.approx(0.2)
    assert score(lambda factors: np.tile(factors, 2)).score == 1


def test_random_codes_score_little():
    rng = np.random.default_rng(1)
    assert score(lambda factors: rng.standard_normal(factors.shape)).score < 0.35


def test_groups_fix_one_factor_each():
    data = FactorsAsImages()
    images = evaluation.draw_images(data, np.random.default_rng(0), groups=50)
    assert images["group"].shape == (50, 100)
    assert len(images["reference"]) == 73728
    assert len(np.unique(images["reference"])) == 73728
    for indices, label in zip(images["group"], images["group_labels"], strict=True):
        values = [len(set(column)) for column in data.images(indices).T]
        assert values[label] == 1
        assert min(values[:label] + values[label + 1 :]) > 1


@pytest.mark.parametrize("broken", ["group_codes", "group_labels", "reference_codes"])
def test_wrong_shapes(broken):
    good = arrays(lambda factors: factors, groups=10)
    with pytest.raises(ValueError, match="factor_vae needs"):
        factor_vae(**(good | {broken: good[broken][..., None]}))
    with pytest.raises(ValueError, match="differ"):
        factor_vae(**(good | {"reference_codes": good["reference_codes"][:, :3]}))
