"""dSprites in colour, before noise and before a picture: made from the packed sprites."""

import zlib

import numpy as np
import pytest
from keras import ops
from PIL import Image
from scipy import stats

from disentanglement import engine
from disentanglement.data.dsprites import variants
from disentanglement.data.dsprites.dataset import DSprites
from disentanglement.data.dsprites.hashing import uniform
from disentanglement.errors import UserError
from disentanglement.training import feed
from tests.on_jax import pytest_on_jax

COUNT = 70_000  # more than one piece of the copy
PICTURE = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
NUMBERS = np.array([0, 1, 255, 256, 65_535, 65_536, 69_999])


@pytest.fixture(scope="module")
def bits():
    return np.random.default_rng(0).integers(0, 256, (COUNT, 512), dtype=np.uint8)


@pytest.fixture(scope="module")
def sets(bits):
    color, noisy = variants.ColorDSprites(bits), variants.NoisyDSprites(bits)
    return {"color": color, "noisy": noisy, "scream": variants.ScreamDSprites(bits, PICTURE)}


def mixed(x):
    """The hash of one number, in Python's own integers."""
    x ^= x >> 16
    x = x * 0x7FEB352D % 2**32
    x ^= x >> 15
    x = x * 0x846CA68B % 2**32
    return x ^ x >> 16


def test_known_numbers():
    """A second way: the definition in Python's own integers, which do not wrap around."""
    numbers = uniform(np, np.array([0, 5, 737_279], np.uint32), 4, "noise")
    salt = zlib.crc32(b"noise")
    for row, number in zip(numbers, (0, 5, 737_279), strict=True):
        seed = mixed(number ^ salt)
        expected = [(mixed((seed + i * 0x9E3779B9) % 2**32) >> 8) / 2**24 for i in (1, 2, 3, 4)]
        np.testing.assert_array_equal(row, np.array(expected, np.float32))


def test_numbers_are_uniform_and_independent():
    drawn = uniform(np, np.arange(2000, dtype=np.uint32), 300, "noise").astype(float)
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 0.001
    assert drawn.min() >= 0
    assert drawn.max() < 1
    # Neighbouring images, neighbouring pixels, other purposes: no correlation beyond chance.
    limit = 4.5 / np.sqrt(drawn.size)
    other = uniform(np, np.arange(2000, dtype=np.uint32), 300, "color")
    for first, second in (
        (drawn[1:], drawn[:-1]),
        (drawn[:, 1:], drawn[:, :-1]),
        (drawn[:, 3:], drawn[:, :-3]),
        (drawn, other),
    ):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < limit
    assert len(np.unique(drawn[:, :2], axis=0)) == 2000


@pytest.mark.parametrize("name", ["color", "noisy", "scream"])
def test_a_compiled_step_sees_what_images_returns(sets, name):
    data = sets[name]
    expected = data.images(NUMBERS)
    assert expected.dtype == np.float32
    assert expected.shape == (7, 64, 64, 3)
    step = engine.compile_step(data.unpack, [])
    found = ops.convert_to_numpy(step(data.packed[NUMBERS]))
    np.testing.assert_array_equal(found, expected)
    # In another batch, the same image.
    np.testing.assert_array_equal(data.images(NUMBERS[3:5]), expected[3:5])


def test_sprites_are_where_they_were(sets, bits):
    sprites = DSprites(bits).images(NUMBERS)[..., 0] == 1
    color, noisy = sets["color"].images(NUMBERS), sets["noisy"].images(NUMBERS)
    np.testing.assert_array_equal((color > 0).all(axis=-1), sprites)
    np.testing.assert_array_equal((noisy == 1).all(axis=-1), sprites)
    for image, inside in zip(color, sprites, strict=True):
        (one,) = np.unique(image[inside], axis=0)
        assert (one >= 0.5).all()
        assert (one < 1).all()
    background = noisy[~sprites]
    assert stats.kstest(background.ravel()[:20_000], "uniform").pvalue > 0.001


def test_scream_is_a_part_of_the_picture_with_the_sprite_inverted(sets, bits):
    """A second way: find the part by looking at every place of the picture."""
    data = sets["scream"]
    sprites = DSprites(bits).images(NUMBERS)
    images = data.images(NUMBERS)
    plain = np.where(sprites > 0, 1 - images, images).astype(float)
    scaled = PICTURE / 255
    for image in plain:
        # Differences between neighbours do not depend on the colour that is added.
        steps = np.diff(image[:3, :, 0], axis=1) * 2
        wide = np.diff(scaled[:, :, 0], axis=1)
        near = np.argwhere(np.abs(wide[: 200 - 63, : 300 - 63] - steps[0, 0]) < 1e-4)
        ((top, left),) = [
            (top, left)
            for top, left in near
            if np.allclose(wide[top : top + 3, left : left + 63], steps, atol=1e-4)
        ]
        shift = 2 * image - scaled[top : top + 64, left : left + 64]
        np.testing.assert_allclose(shift, np.broadcast_to(shift[0, 0], shift.shape), atol=1e-4)
        assert (shift[0, 0] > -1e-5).all()
        assert (shift[0, 0] < 1).all()


def test_a_picture_of_the_least_size(bits):
    few = bits[:1000]
    small = variants.ScreamDSprites(few, PICTURE[:64, :64])
    assert small.images(NUMBERS[:4]).shape == (4, 64, 64, 3)
    np.testing.assert_array_equal(small.packed[:, 512:515] @ [1, 256, 65536], np.arange(1000))


def test_the_packed_rows_tell_pictures_apart(bits, monkeypatch):
    monkeypatch.setattr(DSprites, "__len__", lambda self: len(self.packed))
    few = bits[:1000]
    found = {
        feed.identity(variants.ScreamDSprites(few, picture))["checksum"]
        for picture in (PICTURE[:64, :64], PICTURE[:64, 1:65])
    }
    assert len(found) == 2


def test_pictures_that_can_and_cannot_be_used(tmp_path):
    def saved(name, pixels):
        Image.fromarray(pixels).save(tmp_path / name)
        return tmp_path / name

    wide = variants.read_picture(saved("wide.png", np.zeros((1000, 2000, 3), np.uint8)))
    assert wide.shape == (175, 350, 3)
    grey = variants.read_picture(saved("grey.png", np.full((100, 80), 7, np.uint8)))
    np.testing.assert_array_equal(grey, np.full((100, 80, 3), 7))
    text = tmp_path / "text.png"
    text.write_text("no picture")
    torn = tmp_path / "torn.png"
    torn.write_bytes(saved("whole.png", PICTURE).read_bytes()[:5000])
    for path, words in (
        (tmp_path / "absent.png", "cannot read or write"),
        (text, "not a picture that Pillow can read"),
        (torn, "torn.png"),
        (saved("deep.png", np.zeros((100, 100), np.uint16)), "16 or more bits"),
        (saved("narrow.png", np.zeros((1000, 100, 3), np.uint8)), "27x274"),
        (saved("small.png", np.zeros((63, 100, 3), np.uint8)), "is 100x63"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            variants.read_picture(path)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.slow
@pytest.mark.skipif(not engine.is_installed("jax"), reason="JAX is not installed here")
def test_jax_gives_the_same_images():
    assert pytest_on_jax(__file__, "-k", "compiled_step") == 3
