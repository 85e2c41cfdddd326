"""Your own images with a table of factors."""

import numpy as np
import pytest

from disentanglement.data.dataset import DrawsMetricImages
from disentanglement.data.labelled import LabelledImages
from disentanglement.errors import UserError
from disentanglement.evaluation.evaluate import evaluate

N = 600
RNG = np.random.default_rng(0)
# A table that is no full grid: a category, a constant, two quantities that depend on each other.
KIND, PLACE = RNG.integers(0, 3, N), RNG.integers(0, 9, N)
TABLE = np.stack([KIND, np.full(N, 7.0), PLACE, PLACE // 2 + KIND], axis=1)
IMAGES = np.zeros((N, 8, 8, 3), np.uint8)
IMAGES[:, 0, 0] = TABLE[:, [0, 2, 3]]


def labelled(**options):
    names = ["kind", "constant", "place", "mixture"]
    return LabelledImages(IMAGES, TABLE, names, [False, True, True, True], **options)


def test_groups_share_a_factor_and_hold_only_images_that_exist():
    dataset = labelled(groups=31, group_size=40)
    assert isinstance(dataset, DrawsMetricImages)
    images = dataset.draw_images(np.random.default_rng(1))
    assert images["group"].shape == (31, 40)
    np.testing.assert_array_equal(images["group_labels"], np.arange(31) % 3)
    assert images["factor_names"] == ["kind", "place", "mixture"]
    assert images["continuous"].tolist() == [False, True, True]
    varying = TABLE[:, [0, 2, 3]]
    for numbers, label in zip(images["group"], images["group_labels"], strict=True):
        assert len(np.unique(varying[numbers, label])) == 1
    assert len(np.unique(varying[images["group"][0], 1])) > 1  # the others vary
    assert len({varying[g[0], 1] for g in images["group"][1::3]}) > 3  # the value is random
    assert sorted(images["sample"]) == sorted(images["reference"]) == list(range(N))
    np.testing.assert_array_equal(images["factors"], varying[images["sample"]])
    np.testing.assert_array_equal(images["factor_ids"], varying[images["sample"]])


def test_equal_generators_give_equal_choices():
    one, two = (labelled().draw_images(np.random.default_rng(3)) for _ in range(2))
    for name in ("group", "reference", "sample"):
        np.testing.assert_array_equal(one[name], two[name])
    assert one["group"].shape == (500, 100)


def test_large_sets_are_sampled():
    n = 150_000
    images = np.broadcast_to(np.uint8(0), (n, 1, 1, 1))
    drawn = LabelledImages(images, np.arange(n)[:, None] % 4, groups=2).draw_images(RNG)
    assert len(drawn["sample"]) == len(set(drawn["reference"])) == 15_000


def test_images_are_scaled_bytes_or_floats():
    dataset = labelled()
    np.testing.assert_array_equal(
        dataset.images(np.array([5, 2])), IMAGES[[5, 2]] / np.float32(255)
    )
    assert dataset.images(np.array([0])).dtype == np.float32
    floats = IMAGES.astype(np.float64) - 0.5
    np.testing.assert_array_equal(LabelledImages(floats, TABLE).images([3]), floats[[3]])
    assert LabelledImages(IMAGES, TABLE).factor_names == ["factor_0", "factor_2", "factor_3"]
    assert LabelledImages(IMAGES, TABLE).continuous.all()


def test_bins():
    angle = RNG.uniform(0, 6, N)
    with pytest.raises(UserError, match=r"'factor_0': its 600 values are all different.*bins=20"):
        LabelledImages(IMAGES, angle[:, None])
    twice = angle.copy()
    twice[0] = twice[1]
    with pytest.raises(UserError, match="nearly all different"):
        LabelledImages(IMAGES, twice[:, None])
    with pytest.raises(UserError, match="declare it continuous"):
        LabelledImages(IMAGES, angle[:, None], continuous=[False], bins=10)
    table = np.stack([angle, PLACE], axis=1)
    images = LabelledImages(IMAGES, table, bins=12, groups=40).draw_images(RNG)
    assert set(images["factor_ids"][:, 0]) == set(range(12))
    np.testing.assert_array_equal(images["factor_ids"][:, 1], PLACE[images["sample"]])
    np.testing.assert_array_equal(images["factors"][:, 0], angle[images["sample"]])
    for numbers in images["group"][::2]:
        assert 0 < np.ptp(angle[numbers]) <= 0.5001


def test_a_value_that_only_one_image_has_is_never_shared():
    table = np.append(np.arange(20) % 2, 9)[:, None]
    drawn = LabelledImages(IMAGES[:21], table, groups=200).draw_images(np.random.default_rng(0))
    assert 20 not in drawn["group"]


@pytest.mark.parametrize(
    ("images", "factors", "options", "message"),
    [
        (IMAGES[0], TABLE, {}, r"images must be an array \[N, H, W, C\], not \(8, 8, 3\)"),
        ([1], TABLE, {}, "not list"),
        (IMAGES.astype(int), TABLE, {}, "dtype int64: must be uint8 or floats"),
        (IMAGES, TABLE[:5], {}, r"a row for each of the 600 images, not \(5, 4\)"),
        (IMAGES, TABLE[:, 0], {}, r"not \(600,\)"),
        (IMAGES, TABLE.astype(str), {}, "number categories"),
        (IMAGES, TABLE * np.nan, {}, "NaN or infinite"),
        (IMAGES, TABLE * 0, {}, "none of them varies"),
        (IMAGES, TABLE, {"factor_names": ["a"]}, "factor_names: 1 entry for 4 factors"),
        (IMAGES, TABLE, {"continuous": [True]}, "continuous: 1 entry for 4 factors"),
    ],
)
def test_mistakes_are_one_line(images, factors, options, message):
    with pytest.raises(UserError, match=message) as error:
        LabelledImages(images, factors, **options)
    assert "\n" not in str(error.value)


def test_an_encoder_that_reads_the_factors_scores_high():
    def encode(images):
        return images[:, 0, 0, :2] * 255

    dataset = LabelledImages(IMAGES, TABLE[:, [0, 2]], ["kind", "place"], [False, True], groups=40)
    record = evaluate(encode, dataset, ["factor_vae", "mig"])
    assert record["scores"]["factor_vae"] == 1
    assert record["scores"]["mig"] > 0.9
    assert record["protocol"]["factors"] == ["kind", "place"]
