"""The readers of the standard sets, on small files in exactly the official formats."""

import gzip
import hashlib
import io
import os
import tarfile
import time
import zipfile

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from disentanglement.data import official
from disentanglement.data.official import cars3d, mpi3d, shapes3d, smallnorb
from disentanglement.errors import UserError
from tests import official_files as write

SHAPES = (2, 3, 2, 2, 4, 3)
CARS = (4, 24, 3)
TOYS = (2, 4, 3, 3, 2)
ARM = (2, 3, 2, 3, 3, 4, 5)


def coded(rows, side=64, channels=3):
    """Images that hold their factor classes: pixel (0, f) is 1 + 10 * the class of factor f."""
    images = np.zeros((len(rows), side, side, channels), np.uint8)
    images[:, 0, : rows.shape[1]] = (1 + 10 * rows)[..., None]
    return images


def assert_in_order(loaded, sizes):
    """The images of `coded`, in row-major order: the last factor changes fastest."""
    expected = write.classes(sizes, np.arange(np.prod(sizes)))
    assert loaded.images.shape == (len(expected), 64, 64, 3)
    assert loaded.images.dtype == np.uint8
    np.testing.assert_array_equal(loaded.images[:, 0, : len(sizes), 1], 1 + 10 * expected)
    assert loaded.factor_sizes == sizes
    assert len(loaded.factor_names) == len(loaded.continuous) == len(sizes)


def refused(load, path, *words):
    """The file is refused in one line with these words, and nothing is left in its folder."""
    before = sorted(path.parent.iterdir())
    said = []
    with pytest.raises(UserError) as caught:
        load(path, said.append)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    for word in words:
        assert word in message
    left = [each for each in path.parent.iterdir() if each not in before and each.name != ".lock"]
    assert left == []
    return message


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    monkeypatch.setattr(shapes3d, "FACTOR_SIZES", SHAPES)
    path = tmp_path / "3dshapes.h5"
    write.write_shapes3d(path, SHAPES, coded)
    return path


@pytest.fixture
def arm(tmp_path, monkeypatch):
    monkeypatch.setattr(mpi3d, "GRIDS", (ARM,))
    path = tmp_path / "mpi3d_toy.npz"
    write.write_mpi3d(path, ARM, coded, compressed=True)
    return path


def car(number, side=128):
    """A car's images: each has one colour, (10 elevation, 5 azimuth, 20 number)."""
    images = np.empty((4, 24, side, side, 3), np.uint8)
    images[..., 0] = 10 * np.arange(4)[:, None, None, None]
    images[..., 1] = 5 * np.arange(24)[:, None, None]
    images[..., 2] = 20 * number
    return images


@pytest.fixture(scope="module")
def mats():
    """The files of three cars, not in the order of the list."""
    return [(f"car_00{n}_mesh", write.cars_mat(car(n))) for n in (2, 0, 1)]


NAMES = [f"car_00{n}_mesh" for n in range(3)]


@pytest.fixture
def archive(tmp_path, monkeypatch, mats):
    monkeypatch.setattr(cars3d, "FACTOR_SIZES", CARS)
    path = tmp_path / cars3d.FILES[0]
    write.write_cars3d(path, NAMES, mats)
    return path


def toys(rows):
    """Pairs of photographs of one grey: left 1 + the number of the row in the grid, right 255."""
    images = np.full((len(rows), 2, 96, 96), 255, np.uint8)
    images[:, 0] = (1 + np.ravel_multi_index(rows.T, TOYS))[:, None, None]
    return images


@pytest.fixture
def norb(tmp_path, monkeypatch):
    monkeypatch.setattr(smallnorb, "SIZES", TOYS)
    write.write_smallnorb(tmp_path, TOYS, toys)
    return smallnorb.find(tmp_path)


def test_every_reader_says_where_to_get_its_files(tmp_path):
    assert set(official.READERS) >= {"shapes3d", "cars3d", "smallnorb", "mpi3d_toy"}
    for reader in official.READERS.values():
        assert reader.find(tmp_path) is None
        line = reader.missing([tmp_path / "first", tmp_path])
        assert reader.label in line
        assert reader.files[0] in line
        assert line.endswith(f"(licence: {reader.licence}) and put it into {tmp_path}")
        (tmp_path / reader.files[-1]).touch()
        assert reader.find(tmp_path) == tmp_path / reader.files[-1]
        (tmp_path / reader.files[-1]).unlink()


def test_shapes3d(shapes):
    said = []
    loaded = shapes3d.load(shapes, said.append)
    assert_in_order(loaded, SHAPES)
    assert loaded.name == "Shapes3D"
    assert loaded.factors is None
    assert len(said) == 2  # what is made; that this is not the official file
    assert "3dshapes.h5.cache.npz" in said[0]
    assert hashlib.md5(shapes.read_bytes()).hexdigest() in said[1]
    assert shapes3d.MD5["3dshapes.h5"] in said[1]


def test_a_cache_opens_without_its_source_being_read(shapes):
    first = shapes3d.load(shapes, lambda line: None)
    stat, content = shapes.stat(), shapes.read_bytes()
    shapes.write_bytes(bytes(len(content)))
    os.utime(shapes, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    said = []
    again = shapes3d.load(shapes, said.append)
    assert isinstance(again.images, np.memmap)
    assert not again.images.flags.writeable
    np.testing.assert_array_equal(again.images, first.images)
    assert said == []


def test_a_changed_source_is_read_again(shapes):
    shapes3d.load(shapes, lambda line: None)
    write.write_shapes3d(shapes, SHAPES, lambda rows: 255 - coded(rows))
    os.utime(shapes, (time.time() + 5, time.time() + 5))
    said = []
    images = shapes3d.load(shapes, said.append).images
    np.testing.assert_array_equal(
        images, 255 - coded(write.classes(SHAPES, np.arange(len(images))))
    )
    assert said[0].endswith("is not of this 3dshapes.h5: it is made again")


def test_a_damaged_cache_is_made_again(shapes):
    before = np.array(shapes3d.load(shapes, lambda line: None).images)
    cache = shapes.with_name("3dshapes.h5.cache.npz")
    cache.write_bytes(cache.read_bytes()[:-1000])
    said = []
    again = shapes3d.load(shapes, said.append)
    assert said[0].endswith("is damaged: it is made again")
    np.testing.assert_array_equal(again.images, before)


def test_an_official_checksum_is_quiet(shapes, monkeypatch):
    monkeypatch.setitem(shapes3d.MD5, "3dshapes.h5", hashlib.md5(shapes.read_bytes()).hexdigest())
    said = []
    shapes3d.load(shapes, said.append)
    assert len(said) == 1


def test_a_full_disk_is_noticed_before_the_work(shapes, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    refused(shapes3d.load, shapes, "an unpacked copy needs 0.0 GB there", "free some space")


def test_damaged_shapes3d(shapes):
    content = shapes.read_bytes()
    shapes.write_bytes(content[: len(content) // 2])
    refused(shapes3d.load, shapes, str(shapes), "truncated file", "download it again")
    shapes.write_bytes(b"something else")
    refused(shapes3d.load, shapes, "file signature not found")
    with h5py.File(io.BytesIO(content), "r") as file:
        chunk = file["images"].id.get_chunk_info(0)
    torn = bytearray(content)
    torn[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    shapes.write_bytes(torn)
    refused(shapes3d.load, shapes, "filter returned failure")


def test_another_h5_file(shapes):
    def changed(change):
        write.write_shapes3d(shapes, SHAPES, coded)
        with h5py.File(shapes, "r+") as file:
            change(file)

    def drop(file):
        del file["images"]

    def shorten(file):
        labels = file["labels"][:-1]
        del file["labels"]
        file["labels"] = labels

    def shuffle(file):
        file["labels"][...] = file["labels"][...][::-1]

    def link(file):
        del file["images"]
        file["images"] = h5py.ExternalLink("other.h5", "images")

    def floats(file):
        del file["images"]
        file["images"] = np.zeros((np.prod(SHAPES), 64, 64, 3), np.float32)

    changed(drop)
    refused(shapes3d.load, shapes, "there is no array 'images'")
    changed(shorten)
    refused(shapes3d.load, shapes, "(287, 6)", "(288, 6)")
    changed(shuffle)
    refused(shapes3d.load, shapes, "the labels of 'floor_hue' are not in the official order")
    with h5py.File(shapes.with_name("other.h5"), "w") as file:
        file["images"] = np.zeros((np.prod(SHAPES), 64, 64, 3), np.uint8)
    changed(link)
    refused(shapes3d.load, shapes, "leads to another file")
    changed(floats)
    refused(shapes3d.load, shapes, "'images' are float32, not uint8")


def test_cars3d(archive):
    loaded = cars3d.load(archive, lambda line: None)
    assert loaded.images.shape == (288, 64, 64, 3)
    assert (loaded.factor_names, loaded.factor_sizes) == (("elevation", "azimuth", "object"), CARS)
    expected = write.classes(CARS, np.arange(288)) * [10, 5, 20]
    np.testing.assert_array_equal(loaded.images.min(axis=(1, 2)), expected)
    np.testing.assert_array_equal(loaded.images.max(axis=(1, 2)), expected)


def test_cars_are_resized_by_lanczos(archive, mats):
    """A second way: the filter's weights, written out for halving an image."""
    rng = np.random.default_rng(0)
    noise = rng.integers(60, 200, (4, 24, 128, 128, 3), dtype=np.uint8)
    write.write_cars3d(archive, NAMES, [*mats[:2], (NAMES[1], write.cars_mat(noise))])
    images = cars3d.load(archive, lambda line: None).images
    found = images.reshape(*CARS, 64, 64, 3)[2, 7, 1].astype(float)
    # A new pixel lies between two old ones; the filter is sinc(x) sinc(x / 3) for |x| < 3 pixels.
    offsets = (np.arange(12) - 5.5) / 2
    weights = np.sinc(offsets) * np.sinc(offsets / 3)
    weights /= weights.sum()
    inner = noise[2, 7].astype(float)
    rows = sum(w * inner[2 * 3 - 5 + i : 2 * 3 - 5 + i + 2 * 57 : 2] for i, w in enumerate(weights))
    both = sum(w * rows[:, 1 + i : 1 + i + 2 * 57 : 2] for i, w in enumerate(weights))
    np.testing.assert_allclose(found[3:60, 3:60], both, atol=1.5)


def test_bad_archives(archive, mats):
    def with_(*arguments, **keywords):
        write.write_cars3d(archive, *arguments, **keywords)

    def mat(**arrays):
        file = io.BytesIO()
        savemat(file, arrays)
        return file.getvalue()

    content = archive.read_bytes()
    for share in (0.2, 0.5, 0.999):
        archive.write_bytes(content[: int(share * len(content))])
        refused(cars3d.load, archive, "damaged, cut off or no tar.gz archive", "download it again")
    archive.write_bytes(content[:-8] + bytes(8))  # the checksum of the whole
    refused(cars3d.load, archive, "CRC check failed")
    archive.write_bytes(b"something else")
    refused(cars3d.load, archive, "Not a gzipped file")
    archive.write_bytes(gzip.compress(b"something else" * 100))
    refused(cars3d.load, archive, "no tar.gz archive")
    with_(NAMES, mats[:2])
    refused(cars3d.load, archive, "list.txt names 1 car that are not there, first 'car_001_mesh'")
    with_(NAMES, mats, listed="")
    refused(cars3d.load, archive, "there is no cars/list.txt")
    with_(NAMES, mats, listed="car_000_mesh\ncar_001_mesh\ncar_001_mesh\n")
    refused(cars3d.load, archive, "list.txt names 2 cars on 3 lines, but Cars3D has 3")
    with_(NAMES, [*mats, ("car_003_mesh", mats[0][1])])
    refused(cars3d.load, archive, "holds more than 3 cars")
    with_(NAMES, mats, extra=[("data/cars/../../../evil.mat", b"x")])
    refused(cars3d.load, archive, "'data/cars/../../../evil.mat' points outside its folder")
    with_(NAMES, mats, extra=[("/etc/evil", b"x")])
    refused(cars3d.load, archive, "'/etc/evil' points outside its folder")
    for content, words in (
        (b"no MATLAB file", "car_000_mesh.mat cannot be read"),
        (mats[0][1][:5000], "car_000_mesh.mat cannot be read"),
        (mat(other=np.zeros(3)), "car_000_mesh.mat cannot be read (KeyError: 'im')"),
        (mat(im=np.zeros((128, 128, 3, 4, 24), np.uint8)), "(128, 128, 3, 4, 24), but Cars3D has"),
        (mat(im=np.zeros((128, 128, 3, 24, 4))), "'im' in car_000_mesh.mat is float64"),
    ):
        with_(NAMES, [("car_000_mesh", content), *mats[:1]])
        refused(cars3d.load, archive, words)


def test_names_in_the_list_may_have_their_suffix_and_links_are_not_followed(archive, mats):
    write.write_cars3d(archive, NAMES, mats, listed="".join(f"{name}.mat\r\n" for name in NAMES))
    assert cars3d.load(archive, lambda line: None).images[2, 0, 0, 2] == 40
    with tarfile.open(archive, "w:gz") as tar:
        link = tarfile.TarInfo("data/cars/car_000_mesh.mat")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    os.utime(archive, (time.time() + 5, time.time() + 5))
    with pytest.raises(UserError, match="there is no cars/list.txt"):
        cars3d.load(archive, lambda line: None)


@pytest.mark.parametrize("suffix", [".mat.gz", ".mat"])
def test_smallnorb(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(smallnorb, "SIZES", TOYS)
    rows = write.write_smallnorb(tmp_path, TOYS, toys, suffix)
    path = smallnorb.find(tmp_path)
    loaded = smallnorb.load(path, lambda line: None)
    assert loaded.images.shape == (144, 64, 64, 1)
    # Camera 0, the training set first, and the rows' own factors.
    greys = 1 + np.ravel_multi_index(rows.T, TOYS)
    np.testing.assert_array_equal(loaded.images.min(axis=(1, 2, 3)), greys)
    np.testing.assert_array_equal(loaded.images.max(axis=(1, 2, 3)), greys)
    assert set(rows[:72, 1]) == {2, 3}
    assert loaded.factor_names == ("category", "elevation", "azimuth", "lighting")
    assert loaded.factor_sizes is None
    np.testing.assert_array_equal(loaded.factors, rows[:, [0, 2, 3, 4]])
    np.testing.assert_array_equal(smallnorb.read_factors(path), rows)


def test_smallnorb_is_resized_as_disentanglement_lib_does(tmp_path, monkeypatch):
    monkeypatch.setattr(smallnorb, "SIZES", (1, 2, 1, 1, 1))
    noise = np.random.default_rng(0).integers(60, 200, (2, 2, 96, 96), dtype=np.uint8)
    rows = write.write_smallnorb(tmp_path, (1, 2, 1, 1, 1), lambda rows: noise[rows[:, 1]])
    images = smallnorb.load(smallnorb.find(tmp_path), lambda line: None).images
    for image, row in zip(images, rows, strict=True):
        # In mode I, as there: integers that are not cut at 0 and 255.
        wide = Image.fromarray(noise[row[1], 0].astype(np.int32)).resize((64, 64), 1)
        expected = np.clip(np.asarray(wide), 0, 255)
        assert np.abs(image[..., 0].astype(int) - expected).max() <= 1


def test_bad_norb_files(norb):
    folder = norb.parent
    good = {path: path.read_bytes() for path in folder.iterdir()}
    info = folder / smallnorb.find(folder).name.replace("-dat", "-info")

    def with_(path, content, *words):
        path.write_bytes(content)
        refused(smallnorb.load, norb, *words)
        path.write_bytes(good[path])

    dat = gzip.decompress(good[norb])
    with_(norb, good[norb][:-100], str(norb), "cut off", "download it again")
    with_(norb, gzip.compress(dat[:-100], 1), "it ends too early")
    with_(norb, gzip.compress(dat + b"x", 1), "there is more in it")
    with_(norb, good[norb][:-8] + bytes(8), "CRC check failed")
    with_(norb, dat, "Not a gzipped file")
    magic = gzip.compress(np.array(0x1E3D4C51, "<u4").tobytes() + dat[4:], 1)
    with_(norb, magic, "begins with 0x1E3D4C51, not 0x1E3D4C55")
    header = write.matrix_header(0x1E3D4C55, (72, 96, 96, 2))
    with_(norb, gzip.compress(header + dat[24:], 1), "(72, 96, 96, 2), but SmallNORB has")
    header = write.matrix_header(0x1E3D4C55, (72, 96, 96))
    with_(norb, gzip.compress(header + dat[24:], 1), "has 3 dimensions, but SmallNORB has 4")
    table = bytearray(gzip.decompress(good[info]))
    table[20:36] = table[36:52]
    with_(info, gzip.compress(bytes(table)), "do not list each toy once in each pose")
    info.unlink()
    refused(smallnorb.load, norb, info.name, "is missing: get it from https://cs.nyu.edu/")


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("flat", [True, False])
def test_mpi3d(tmp_path, monkeypatch, compressed, flat):
    monkeypatch.setattr(mpi3d, "GRIDS", ((6, 6, 2, 3, 3, 40, 40), ARM))
    path = tmp_path / "real3d_complicated_shapes_ordered.npz"
    write.write_mpi3d(path, ARM, coded, compressed, flat)
    assert mpi3d.find(tmp_path) == path
    said = []
    loaded = mpi3d.load(path, said.append)
    assert loaded.name == "MPI3D real, complex shapes"
    assert_in_order(loaded, ARM)
    assert len(said) == 1
    cache = path.with_name(f"{path.name}.cache.npz")
    assert (cache.stat().st_size > loaded.images.nbytes) == compressed
    again = mpi3d.load(path, said.append)
    assert len(said) == 1
    np.testing.assert_array_equal(again.images, loaded.images)


@pytest.mark.parametrize("compressed", [True, False])
def test_bad_npz_files(arm, compressed):
    def with_(*words, name="images", **arrays):
        np.savez(arm, **arrays)
        refused(mpi3d.load, arm, *words)

    write.write_mpi3d(arm, ARM, coded, compressed)
    content = arm.read_bytes()
    arm.write_bytes(content[: len(content) // 2])
    refused(mpi3d.load, arm, "damaged or in the wrong format", "download it again")
    torn = bytearray(content)
    torn[len(torn) // 2] ^= 255
    arm.write_bytes(torn)
    refused(mpi3d.load, arm, "damaged or in the wrong format")
    arm.write_bytes(b"something else")
    refused(mpi3d.load, arm, "not a zip file")
    with_("there is no array 'images'", pictures=np.zeros(3))
    with_("'images' is uint8 (7, 64, 64, 3), but MPI3D", images=np.zeros((7, 64, 64, 3), np.uint8))
    with_("float32", images=np.zeros((2160, 64, 64, 3), np.float32))
    with_("holds objects (a pickle), which are never opened", images=np.array([{}]))


def test_a_map_of_a_member_that_is_too_short(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        file = io.BytesIO()
        header = {"shape": (100, 100), "fortran_order": False, "descr": "|u1"}
        np.lib.format.write_array_header_1_0(file, header)
        archive.writestr("images.npy", file.getvalue() + bytes(5000))
    from disentanglement.data import npz

    with pytest.raises(ValueError, match="'images' is cut off"):
        npz.map_array(path, "images")
