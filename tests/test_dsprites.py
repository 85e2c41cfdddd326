"""dSprites rendered from its definition, and the format of the official file."""

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from disentanglement.data.dsprites import dataset as dsprites
from disentanglement.data.dsprites.render import render
from disentanglement.errors import UserError
from tests.experiments import DATA, ROOT

FRAMES = np.load(DATA / "dsprites_real_frames.npz")


@pytest.fixture(scope="module")
def bits():
    return render()


@pytest.fixture(scope="module")
def official(bits, tmp_path_factory):
    """Write the official file, 3 GB before compression: the tests that use it are slow."""
    path = tmp_path_factory.mktemp("dsprites") / dsprites.OFFICIAL_FILE
    dsprites.write_official(path, bits)
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An official file but for its images, of which there is one."""
    path = tmp_path_factory.mktemp("small") / dsprites.OFFICIAL_FILE
    classes = np.stack(np.unravel_index(np.arange(737280), dsprites.FACTOR_SIZES), axis=1)
    np.savez_compressed(path, imgs=np.zeros((1, 64, 64), np.uint8), latents_classes=classes)
    return path


def copy_with(source, target, replaced):
    """Copy the npz file `source` with some members replaced (None: left out)."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name not in replaced:
                new.writestr(name, old.read(name), zipfile.ZIP_DEFLATED, compresslevel=1)
        for name, content in replaced.items():
            if content is not None:
                new.writestr(name, content)


def npy(array, **kwargs):
    file = io.BytesIO()
    np.save(file, array, **kwargs)
    return file.getvalue()


def test_real_frames_bit_for_bit(bits):
    data = dsprites.DSprites(bits)
    rendered = data.images(data.index(FRAMES["latents_classes"]))
    assert len(rendered) == 258
    np.testing.assert_array_equal(rendered[..., 0], FRAMES["imgs"])


def test_known_counts(bits):
    assert bits.shape == (737280, 512)
    assert len({hash(image.tobytes()) for image in bits}) == 715706  # 64 bits: no two collide
    poses = bits.reshape(3, 6, 40, 32, 32, 512)
    np.testing.assert_array_equal(poses[:, :, 39], poses[:, :, 0])


def test_a_square_against_an_independent_formula(bits):
    """An unrotated square of half side 4.8 at posX = posY = 0: pixels 11 < centre < 20.8."""
    image = dsprites.DSprites(bits).images(np.array([0]))[0, ..., 0]
    centre = np.arange(64) + 0.5
    inside = np.abs(centre - 16) < 4.8
    np.testing.assert_array_equal(image, np.outer(inside, inside))


def test_factors_and_index_are_inverse():
    data = dsprites.DSprites(np.empty((0, 512), np.uint8))
    indices = np.random.default_rng(0).integers(len(data), size=1000)
    factors = data.factors(indices)
    np.testing.assert_array_equal(data.index(factors), indices)
    assert (factors.max(axis=0) < data.factor_sizes).all()
    np.testing.assert_array_equal(data.factors(np.array([1]))[0], [0, 0, 0, 0, 0, 1])


@pytest.mark.slow
def test_official_format(official, bits):
    with np.load(official, allow_pickle=False) as archive:
        assert set(archive.files) == {"imgs", "latents_values", "latents_classes"}
        images, values = archive["imgs"], archive["latents_values"]
        classes = archive["latents_classes"]
    assert (images.shape, images.dtype) == ((737280, 64, 64), np.uint8)
    assert (values.shape, values.dtype) == ((737280, 6), np.float64)
    assert (classes.shape, classes.dtype) == ((737280, 6), np.int64)
    np.testing.assert_array_equal(
        np.packbits(images[::1001].reshape(-1, 4096), axis=1), bits[::1001]
    )
    np.testing.assert_array_equal(classes[-1], [0, 2, 5, 39, 31, 31])
    np.testing.assert_allclose(values[-1], [1, 3, 1, 2 * np.pi, 1, 1])
    np.testing.assert_allclose(values[1], [1, 1, 0.5, 0, 0, 1 / 31])


@pytest.mark.slow
def test_official_file_is_read_and_its_pickle_is_not(official, bits, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the metadata was unpickled",))

    bomb = npy(np.array(Bomb(), dtype=object), allow_pickle=True)
    assert b"the metadata was unpickled" in bomb
    copy_with(official, tmp_path / dsprites.OFFICIAL_FILE, {"metadata.npy": bomb})
    said = []
    data = dsprites.load(tmp_path, said.append)
    assert np.array_equal(data.bits, bits)
    assert said == [f"dSprites from {tmp_path / dsprites.OFFICIAL_FILE}"]


def test_without_the_file_it_is_rendered_and_cached(tmp_path, bits, monkeypatch):
    said = []
    monkeypatch.setattr(dsprites, "render", lambda: bits)
    first = dsprites.load(tmp_path / "new", said.append)
    assert np.array_equal(first.bits, bits)
    assert len(said) == 1
    assert dsprites.OFFICIAL_FILE in said[0]
    monkeypatch.setattr(dsprites, "render", lambda: pytest.fail("rendered again despite the cache"))
    again = dsprites.load(tmp_path / "new", said.append)
    assert np.array_equal(again.bits, bits)
    assert said[1:] == [f"dSprites from {tmp_path / 'new' / dsprites.CACHE_FILE}"]


def test_a_damaged_cache_is_rendered_again(tmp_path, bits, monkeypatch):
    monkeypatch.setattr(dsprites, "render", lambda: bits)
    damaged = b"\x93NUMPY\x01\x00v\x00{'descr'"
    (tmp_path / dsprites.CACHE_FILE).write_bytes(damaged)
    assert dsprites.load(tmp_path, lambda line: None).bits is bits
    assert np.load(tmp_path / dsprites.CACHE_FILE, mmap_mode="r").shape == bits.shape
    assert (tmp_path / "dsprites_regenerated_packed.old-1.npy").read_bytes() == damaged


def test_a_hole_in_a_cache_is_found(bits):
    assert dsprites._is_dsprites(bits)
    torn = bits.copy()
    torn[300_000:300_050] = 0  # less than 26 kB
    assert not dsprites._is_dsprites(torn)


def test_a_renamed_file_is_mentioned(tmp_path, monkeypatch, bits):
    monkeypatch.setattr(dsprites, "render", lambda: bits)
    (tmp_path / "my_dsprites.npz").write_bytes(b"")
    said = []
    dsprites.load(tmp_path, said.append)
    assert "my_dsprites.npz is ignored" in said[0]


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"imgs.npy": npy(np.zeros((10, 64, 64), np.uint8))}, r"'imgs' is uint8 \(10, 64, 64\)"),
        ({"imgs.npy": None}, "damaged or in the wrong format .*imgs"),
        ({"latents_classes.npy": npy(np.zeros((737280, 6), np.int64))}, "order"),
        ({"latents_classes.npy": npy(np.zeros((5, 6), np.int64))}, r"'latents_classes' is int64"),
        (
            {"imgs.npy": npy(np.array(["x"], dtype=object), allow_pickle=True)},
            "'imgs' holds objects",
        ),
    ],
)
def test_a_wrong_file_is_one_line(small, tmp_path, replaced, message):
    path = tmp_path / "wrong.npz"
    copy_with(small, path, replaced)
    with pytest.raises(UserError, match=message) as error:
        dsprites.read_official(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("share", [0, 0.01, 0.99])
def test_a_truncated_file_is_one_line(small, tmp_path, share):
    path, content = tmp_path / "short.npz", small.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="damaged"):
        dsprites.read_official(path)


@pytest.mark.slow
def test_flipped_bytes_are_noticed(official, tmp_path):
    content = bytearray(official.read_bytes())
    content[5_000_000] ^= 255
    path = tmp_path / "flipped.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        dsprites.read_official(path)


def test_generate_script_refuses_to_overwrite(tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(b"precious")
    script = ROOT / "dSprites" / "generate_dsprites.py"
    result = subprocess.run(
        [sys.executable, script, "--out", path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "exists" in result.stderr
    assert path.read_bytes() == b"precious"
