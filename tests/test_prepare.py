"""python -m disentanglement.data prepare: modes, tables, resume, and one line for every mistake."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from disentanglement.data.fit import ImageFormat
from disentanglement.data.own import command, pictures, prepare, read
from disentanglement.data.own.part import Options
from disentanglement.errors import UserError
from tests.experiments import ROOT

FORM = ImageFormat()


def quiet(line):
    pass


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def plain(value, size=(70, 70), channels=3):
    return np.full((*size, channels), value, np.uint8).squeeze()


def images(out):
    return read.read(out / "data.npz", "mine", FORM)


@pytest.fixture
def folder(tmp_path):
    """Five pictures, two of them nested, whose grey tells them apart."""
    names = ("a.png", "b.bmp", "in/c.png", "in/deep/d.TIFF", "e.gif")
    for i, name in enumerate(names):
        save(tmp_path / "pictures" / name, plain(50 * i, channels=1))
    return tmp_path / "pictures"


def table(folder, text):
    path = folder.parent / "table.csv"
    path.write_text(text)
    return path


ROWS = (
    "name,kind,angle\nb.bmp,cat,2\na.png,dog,1.5\nin/c.png,cat,\ne.gif,,4\n./in/deep/d.TIFF,ox,5\n"
)


# ---- pictures of every kind ---------------------------------------------------------------------


def read_one(path, **options):
    image, _ = pictures.read(path, **{"size": 32, "crop": False, "grey": False} | options)
    assert image.dtype == np.uint8
    return image


def test_modes(tmp_path):
    red = plain(0)
    red[..., 0] = 255
    Image.fromarray(red).quantize(4).save(tmp_path / "palette.png")
    Image.fromarray(red).convert("CMYK").save(tmp_path / "cmyk.tif")
    for name in ("palette.png", "cmyk.tif"):
        image = read_one(tmp_path / name)
        np.testing.assert_allclose(image.mean(axis=(0, 1)), [255, 0, 0], atol=2)
        assert abs(read_one(tmp_path / name, grey=True).mean() - 76) <= 1  # 0.299 * 255


def test_transparency_is_laid_over_white(tmp_path):
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:32, :, 3] = 255
    half = read_one(save(tmp_path / "a.png", pixels))
    assert (half[:14] == 0).all()
    assert (half[18:] == 255).all()
    palette = Image.fromarray(plain(0)).quantize(2)
    palette.save(tmp_path / "b.png", transparency=palette.getpixel((0, 0)))
    assert (read_one(tmp_path / "b.png") == 255).all()


def test_sixteen_bits_and_floats_are_scaled(tmp_path):
    pixels = np.full((40, 40), 257 * 100, np.uint16)
    for name in ("a.png", "b.tif"):
        assert (read_one(save(tmp_path / name, pixels)) == 100).all()
    assert (read_one(save(tmp_path / "c.tif", np.full((9, 9), 0.2, np.float32))) == 51).all()
    path = save(tmp_path / "d.tif", np.full((9, 9), 7.0, np.float32))
    with pytest.raises(ValueError, match="floats outside"):
        read_one(path)
    path = save(tmp_path / "e.tif", np.full((9, 9), 70000, np.int32))
    with pytest.raises(ValueError, match="exceed 16 bits"):
        read_one(path)


def test_exif_rotation_is_applied(tmp_path):
    pixels = plain(0)
    pixels[:35] = 255  # white above
    exif = Image.Exif()
    exif[274] = 6  # turn it by 90 degrees clockwise: white on the right
    image = read_one(save(tmp_path / "a.jpg", pixels, exif=exif, quality=95))
    assert image[:, :14].max() < 20
    assert image[:, 18:].min() > 235


def test_crop_takes_the_middle_and_squeezing_all(tmp_path):
    pixels = plain(0, (60, 180))
    pixels[:, 60:120] = 200
    path = save(tmp_path / "a.png", pixels)
    assert (read_one(path, crop=True) == 200).all()
    assert 0.30 < (read_one(path)[..., 0] > 100).mean() < 0.37
    assert not pictures.read(path, 32, False, False)[1]


def test_a_large_jpeg_is_decoded_smaller_but_looks_the_same(tmp_path):
    x = np.linspace(0, 255, 1600).astype(np.uint8)
    pixels = np.broadcast_to(x[None, :, None], (1600, 1600, 3)).copy()
    image = read_one(save(tmp_path / "a.jpg", pixels, quality=95))
    expected = pixels[0].reshape(32, 50, 3).mean(axis=1)
    assert np.abs(image[16].astype(float) - expected).max() < 4


def test_postscript_is_never_run(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(pictures.BAD_PICTURE_ERRORS):
        read_one(tmp_path / "a.png")
    assert ".eps" not in pictures.suffixes()


# ---- a folder -----------------------------------------------------------------------------------


def test_a_folder_in_order_of_its_names(folder, tmp_path):
    (folder / "notes.txt").write_text("hello")
    (folder / ".hidden.png").write_bytes(b"")
    said, out = [], tmp_path / "data" / "mine"
    prepare.prepare(folder, out, say=said.append)
    found = images(out)
    assert found.images.shape == (5, 64, 64, 3)
    assert found.images.mean(axis=(1, 2, 3)).tolist() == [0, 50, 200, 100, 150]  # a b e c d
    assert found.factors is None
    assert said[0] == "note: not pictures by their names, ignored: 1, e.g. 'notes.txt'"
    assert {path.name for path in out.iterdir()} == {"data.npz", "about.json", ".lock"}


def test_grey_at_32(folder, tmp_path):
    prepare.prepare(folder, tmp_path / "out", Options(32, True, True), say=quiet)
    with np.load(tmp_path / "out" / "data.npz") as file:
        assert file["imgs"].shape == (5, 32, 32, 1)


def test_a_table(folder, tmp_path):
    out = tmp_path / "out"
    prepare.prepare(folder, out, factors=table(folder, ROWS), say=quiet)
    found = images(out)
    assert found.factor_names == ("kind", "angle")
    assert found.continuous == (False, True)
    expected = [[1, 1.5], [0, 2], [np.nan, 4], [0, np.nan], [2, 5]]  # a b e c d
    np.testing.assert_array_equal(found.factors, expected)
    about = json.loads((out / "about.json").read_text())
    assert about["categories"] == {"kind": ["cat", "dog", "ox"]}


def test_numbers_that_are_categories(folder, tmp_path):
    path = table(folder, ROWS)
    prepare.prepare(folder, tmp_path / "out", factors=path, categories=["angle"], say=quiet)
    assert images(tmp_path / "out").continuous == (False, False)
    with pytest.raises(UserError, match=r"no column 'angel'.*did you mean 'angle'"):
        prepare.prepare(folder, tmp_path / "new", factors=path, categories=["angel"], say=quiet)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("b.bmp,cat,2\n", "", "no row for 'b.bmp': add one"),
        ("b.bmp", "a.png", "lines 2 and 3 are both about 'a.png'"),
        ("b.bmp", "bb.bmp", "line 2: there is no picture 'bb.bmp'.*did you mean 'b.bmp'"),
        ("b.bmp", "../b.bmp", "line 2: '../b.bmp' points outside"),
        ("b.bmp", "/etc/b.bmp", "points outside"),
        (",2\n", ",two\n", "line 2: column 'angle': 'two' is not a number; .* --categories angle"),
        (",2\n", ",inf\n", "'inf' is not a number"),
        (",2\n", "\n", "line 2 has 2 cells, but there are 3 columns"),
        ("angle", "kind", "two columns are named 'kind'"),
        ("name,kind,angle\n", "name\n", "line 1 has a single column: must be the pictures' names"),
        ("name,kind,angle\n", "", "line 1 is about the picture 'b.bmp': put a line with the names"),
        (ROWS, "name,kind\n", "a row for each picture"),
        ("cat", "\x00\udcff", "not a CSV file in UTF-8|line"),
    ],
)
def test_mistakes_in_a_table(folder, tmp_path, old, new, message):
    path = table(folder, "")
    path.write_bytes(ROWS.replace(old, new, 1).encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=message) as error:
        prepare.prepare(folder, tmp_path / "out", factors=path, say=quiet)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_names_of_a_category_may_be_numbers(folder, tmp_path):
    path = table(folder, ROWS.replace("dog", "7").replace("ox", "NaN"))
    prepare.prepare(folder, tmp_path / "out", factors=path, categories=["kind"], say=quiet)
    found = images(tmp_path / "out")
    np.testing.assert_array_equal(found.factors[:, 0], [0, 1, np.nan, 1, np.nan])
    assert found.continuous == (False, True)
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert about["categories"] == {"kind": ["7", "cat"]}


def test_damaged_pictures(folder, tmp_path):
    content = (folder / "b.bmp").read_bytes()
    (folder / "b.bmp").write_bytes(content[: len(content) // 2])
    (folder / "f.png").write_bytes(b"no picture")
    (folder / "g.png").symlink_to("nowhere.png")
    path = table(folder, ROWS + "f.png,cat,1\ng.png,cat,1\n")
    with pytest.raises(UserError, match=r"b\.bmp: cannot be used \(.*--skip-bad") as error:
        prepare.prepare(folder, tmp_path / "out", factors=path, say=quiet)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out" / "data.npz").exists()
    said = []
    prepare.prepare(folder, tmp_path / "out", factors=path, skip_bad=True, say=said.append)
    found = images(tmp_path / "out")
    assert found.images.mean(axis=(1, 2, 3)).tolist() == [0, 200, 100, 150]
    np.testing.assert_array_equal(found.factors[:, 1], [1.5, 4, np.nan, 5])
    assert [line.split(" (")[0] for line in said[:2]] == ["left out: b.bmp", "left out: f.png"]
    assert said[2] == "left out: g.png (No such file or directory)"


def test_too_few_pictures(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("")
    save(tmp_path / "one" / "a.png", plain(0))
    for name, message in (
        ("empty", "holds no pictures: training"),
        ("text", r"holds no pictures \(1 other file, e.g. 'a.txt'\)"),
        ("one", "holds one picture only, 'a.png'"),
        ("none", "no such folder"),
    ):
        with pytest.raises(UserError, match=message):
            prepare.prepare(tmp_path / name, tmp_path / "out", say=quiet)
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(folder, tmp_path, capsys):
    words = ["prepare", str(folder), "--out", str(tmp_path / "data" / "mine"), "--workers", "1"]
    assert command.main(words) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("--set data=mine")
    before = (tmp_path / "data" / "mine" / "data.npz").read_bytes()
    assert command.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "data.npz exists: choose another --out" in line
    assert (tmp_path / "data" / "mine" / "data.npz").read_bytes() == before


def test_any_number_of_workers_gives_the_same_file(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "_PART", 2)
    for workers in (1, 2):
        prepare.prepare(folder, tmp_path / str(workers), workers=workers, say=quiet)
    files = [(tmp_path / name / "data.npz").read_bytes() for name in "12"]
    assert files[0] == files[1]


def test_parts_of_a_changed_folder_are_made_again(folder, tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "_merge", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare.prepare(folder, tmp_path / "out", say=quiet)
    monkeypatch.undo()
    with pytest.raises(UserError, match="holds parts of another set: its crop is False"):
        prepare.prepare(folder, tmp_path / "out", Options(crop=True), say=quiet)
    save(folder / "a.png", plain(99))
    said = []
    prepare.prepare(folder, tmp_path / "out", say=said.append)
    assert said[0].endswith("changed since the interrupted call: all are read again")
    assert images(tmp_path / "out").images[0].max() == 99


@pytest.mark.slow
def test_resume_after_kill_9(tmp_path):
    for i in range(1600):
        save(tmp_path / "pictures" / f"{i}.png", plain(i % 250, (150, 150)))
    words = [sys.executable, "-m", "disentanglement.data", "prepare", str(tmp_path / "pictures")]
    words += ["--workers", "1", "--out"]
    subprocess.run([*words, str(tmp_path / "whole")], cwd=ROOT, check=True, capture_output=True)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*words, str(out)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (out / ".parts" / "000000.npz").exists() and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "data.npz").exists()
    subprocess.run([*words, str(out)], cwd=ROOT, check=True, capture_output=True)
    whole = (tmp_path / "whole" / "data.npz").read_bytes()
    assert (out / "data.npz").read_bytes() == whole
    assert not (out / ".parts").exists()


# ---- an npz file --------------------------------------------------------------------------------


def test_an_npz_file_is_cropped_and_keeps_its_factors(tmp_path, monkeypatch):
    monkeypatch.setattr("disentanglement.data.own.arrays._PART", 3)
    pixels = np.zeros((8, 64, 96), np.float32)
    pixels[:, :, 16:80] = (np.arange(8) / 10)[:, None, None]
    latents = np.arange(16.0).reshape(8, 2)
    np.savez_compressed(tmp_path / "a.npz", imgs=pixels, latents=latents, factor_names=["x", "y"])
    prepare.prepare(tmp_path / "a.npz", tmp_path / "out", Options(crop=True), say=quiet)
    found = images(tmp_path / "out")
    assert found.images.shape == (8, 64, 64, 1)
    np.testing.assert_array_equal(found.images[:, 5, 5, 0], np.rint(np.arange(8) * 25.5))
    assert found.images.std(axis=(1, 2)).max() == 0
    np.testing.assert_array_equal(found.factors, latents)
    assert found.factor_names == ("x", "y")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(3)}, "holds x but no 'imgs'"),
        ({f"{i}": np.zeros(3) for i in range(9)}, "holds 0, 1, 2, 3, 4, ... but no 'imgs'"),
        ({"imgs": np.zeros((3, 8))}, r"imgs are \(3, 8\)"),
        ({"imgs": np.zeros((3, 8, 8, 4), np.uint8)}, r"\[N, H, W, C\] with 1 or 3 channels, C"),
        (
            {"imgs": np.zeros((3, 8, 8)), "factors": np.zeros((3, 2)), "factor_names": ["a", "a"]},
            "two of the factor_names are 'a'",
        ),
        ({"imgs": np.zeros((1, 8, 8), np.uint8)}, "one image only"),
        ({"imgs": np.zeros((3, 8, 8), np.int64)}, "imgs are int64"),
        ({"imgs": np.full((3, 8, 8), 2.0)}, r"outside \[0, 1\]"),
        ({"imgs": np.full((3, 8, 8), None)}, "objects"),
        ({"imgs": np.zeros((3, 8, 8)), "latents": np.zeros((2, 2))}, "a row for each of the 3"),
        ({"imgs": np.zeros((3, 8, 8)), "factors": np.array(["a"] * 3)[:, None]}, "be numbers"),
        ({"imgs": np.zeros((3, 8, 8)), "factors": np.full((3, 1), np.inf)}, "infinite"),
        (
            {"imgs": np.zeros((3, 8, 8)), "factors": np.zeros((3, 1)), "factor_names": ["a", "b"]},
            r"factor_names has shape \(2,\), but there are 1 factor",
        ),
    ],
)
def test_npz_files_that_cannot_be_used(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message) as error:
        prepare.prepare(tmp_path / "a.npz", tmp_path / "out", say=quiet)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out" / "data.npz").exists()


def test_a_truncated_npz_file(tmp_path):
    np.savez(tmp_path / "a.npz", imgs=np.zeros((9, 64, 64), np.uint8))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[:5000])
    with pytest.raises(UserError, match="damaged or in the wrong format"):
        prepare.prepare(tmp_path / "a.npz", tmp_path / "out", say=quiet)


def test_a_file_that_is_neither(folder, tmp_path):
    for path in (folder / "a.png", table(folder, ROWS)):
        with pytest.raises(UserError, match="neither a folder of pictures nor an npz file"):
            prepare.prepare(path, tmp_path / "out", say=quiet)
    assert not (tmp_path / "out").exists()
