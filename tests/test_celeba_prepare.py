"""process_celeba.py: images against a second resize, order, resume, and damaged archives."""

import io
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import map_coordinates

from disentanglement.data.celeba import prepare
from disentanglement.errors import UserError
from tests.experiments import ROOT

SCRIPT = ROOT / "CelebA" / "process_celeba.py"


def picture(seed, size=(178, 218)):
    """Return a JPEG of smooth colours."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 7, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    return file.getvalue()


def write(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def official(n, **others):
    members = {f"img_align_celeba/{i:06d}.jpg": picture(i) for i in reversed(range(1, n + 1))}
    return members | others


def images(path):
    with np.load(path, allow_pickle=False) as archive:
        assert archive.files == ["imgs"]
        return archive["imgs"]


def bilinear(content):
    """Resize the central 128x128, interpolating between old pixels at each new pixel's centre."""
    old = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), float)[45:173, 25:153]
    centres = (np.arange(32) + 0.5) * 4 - 0.5
    where = np.meshgrid(centres, centres, indexing="ij")
    return np.stack([map_coordinates(old[..., c], where, order=1) for c in range(3)], axis=-1)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return write(tmp_path_factory.mktemp("celeba") / "img_align_celeba.zip", official(7))


def test_images_are_in_order_of_names_and_within_a_grey_level(archive, tmp_path):
    said = []
    prepare.prepare(archive, tmp_path / "data.npz", say=said.append)
    found = images(tmp_path / "data.npz")
    assert (found.shape, found.dtype) == ((7, 32, 32, 3), np.uint8)
    for i, image in enumerate(found, start=1):
        assert np.abs(image - bilinear(picture(i))).max() <= 1
    assert said[0] == "note: 7 images; the official archive has 202,599"
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz"}


def test_crop_is_central():
    old = np.zeros((218, 178, 3), np.uint8)
    old[45:173, 25:153] = 200
    assert (prepare.crop_and_resize(old) == 200).all()
    old[45:49, 25:29, 0] = [[0] * 4, [0, 4, 8, 0], [0, 3, 7, 0], [0] * 4]
    assert prepare.crop_and_resize(old)[0, 0].tolist() == [6, 200, 200]  # 5.5, rounded up


def test_any_number_of_workers_gives_the_same_file(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "_PART", 2)
    for workers in (1, 2):
        prepare.prepare(
            archive, tmp_path / f"{workers}.npz", workers=workers, say=lambda line: None
        )
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def test_limit_and_an_existing_file(archive, tmp_path):
    said, out = [], tmp_path / "data.npz"
    prepare.prepare(archive, out, limit=3, say=said.append)
    assert len(images(out)) == 3
    assert not any("official" in line for line in said)
    before = out.read_bytes()
    with pytest.raises(UserError, match="exists: choose another name"):
        prepare.prepare(archive, out)
    assert out.read_bytes() == before
    with pytest.raises(UserError, match=r"must end in \.npz"):
        prepare.prepare(archive, tmp_path / "data.npy")


def test_resume_after_kill_9(tmp_path):
    archive = write(tmp_path / "big.zip", official(1600))
    prepare.prepare(archive, tmp_path / "whole.npz", say=lambda line: None)
    out = tmp_path / "data.npz"
    words = [sys.executable, SCRIPT, "--zip", archive, "--out", out, "--workers", "1"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = tmp_path / ".data.parts" / "000000.npz"
    while not first.exists() and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists()
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "1,600 images" in result.stdout
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert not first.parent.exists()


def test_parts_of_another_archive_are_not_mixed_in(archive, tmp_path):
    other = write(tmp_path / "other.zip", official(3) | {"img_align_celeba/000009.jpg": b"bad"})
    out = tmp_path / "data.npz"
    with pytest.raises(UserError, match=r"000009\.jpg"):
        prepare.prepare(other, out)
    with pytest.raises(UserError, match="holds parts of another set"):
        prepare.prepare(archive, out)


# ---- damage -------------------------------------------------------------------------------------

GREY = io.BytesIO()
Image.new("L", (178, 218), 77).save(GREY, "JPEG")
PNG = io.BytesIO()
Image.new("RGB", (178, 218)).save(PNG, "PNG")
HUGE = picture(3)
_frame = HUGE.index(b"\xff\xc0") + 5  # height and width, two bytes each
HUGE = HUGE[:_frame] + b"\xfd\xe8\xfd\xe8" + HUGE[_frame + 4 :]


def test_grey_images_are_used(tmp_path):
    archive = write(tmp_path / "a.zip", {"img_align_celeba/000001.jpg": GREY.getvalue()})
    prepare.prepare(archive, tmp_path / "data.npz", say=lambda line: None)
    assert (images(tmp_path / "data.npz") == 77).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"000003\.jpg \(cannot identify image"),
        (b"hello", r"000003\.jpg \(cannot identify image"),
        (picture(3)[:2000], r"000003\.jpg \(image file is truncated"),
        (HUGE, r"000003\.jpg \(Image size .* exceeds limit"),
        (PNG.getvalue(), r"000003\.jpg \(cannot identify image"),
        (picture(3, (100, 100)), r"000003\.jpg \(it is 100x100, not 178x218"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_damaged_image_is_named_or_skipped(tmp_path, content, message, workers):
    archive = write(tmp_path / "a.zip", official(4) | {"img_align_celeba/000003.jpg": content})
    out, said = tmp_path / "data.npz", []
    with pytest.raises(UserError, match=message) as error:
        prepare.prepare(archive, out, workers)
    assert "\n" not in str(error.value)
    assert "--skip-bad" in str(error.value)
    assert not out.exists()
    # What the message suggests:
    prepare.prepare(archive, out, workers, skip_bad=True, say=said.append)
    assert "note: left out by --skip-bad: 1" in said
    expected = [
        prepare.crop_and_resize(np.asarray(Image.open(io.BytesIO(picture(i))))) for i in (1, 2, 4)
    ]
    np.testing.assert_array_equal(images(out), expected)


def test_a_member_whose_checksum_is_wrong(archive, tmp_path):
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "flipped.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"img_align_celeba/00000\d\.jpg"):
        prepare.prepare(tmp_path / "flipped.zip", tmp_path / "data.npz")


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_truncated_archive(archive, tmp_path, share):
    content = archive.read_bytes()
    (tmp_path / "short.zip").write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="not a zip archive, or cut off"):
        prepare.prepare(tmp_path / "short.zip", tmp_path / "data.npz")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "is empty and no img_align_celeba"),
        ({"000001.jpg": picture(1)}, "holds '000001.jpg' and no img_align_celeba"),
        ({"celeba/000001.jpg": picture(1)}, "holds 'celeba/000001.jpg' and no"),
        ({"img_align_celeba/a/1.jpg": picture(1)}, "holds 'img_align_celeba/a/1.jpg' and no"),
        (
            official(1) | {"img_align_celeba/../../x.jpg": b""},
            "'img_align_celeba/../../x.jpg' points",
        ),
        (official(1) | {"/etc/x.jpg": b""}, "'/etc/x.jpg' points outside its folder"),
        (official(1) | {"img_align_celeba\\..\\x.jpg": b""}, "points outside its folder"),
    ],
)
def test_other_archives(tmp_path, members, message):
    archive = write(tmp_path / "other.zip", members)
    with pytest.raises(UserError, match=message):
        prepare.prepare(archive, tmp_path / "data.npz")


def test_only_members_outside_the_folder(tmp_path):
    archive = write(tmp_path / "a.zip", {"../evil.jpg": picture(1)})
    with pytest.raises(UserError, match=r"holds no img_align_celeba/\*\.jpg besides"):
        prepare.prepare(archive, tmp_path / "data.npz", skip_bad=True)
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip"}


def test_members_outside_the_folder_are_skipped_and_counted(tmp_path):
    archive, said = write(tmp_path / "a.zip", official(2) | {"../evil.jpg": picture(1)}), []
    prepare.prepare(archive, tmp_path / "data.npz", skip_bad=True, say=said.append)
    assert len(images(tmp_path / "data.npz")) == 2
    assert "note: left out by --skip-bad: 1" in said


def test_a_damaged_table_of_contents(archive, tmp_path):
    """A change to any byte of it either has no effect or raises UserError."""
    content = archive.read_bytes()
    start, refused = content.index(b"PK\x01\x02"), 0
    for place in range(start, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 255
        (tmp_path / "damaged.zip").write_bytes(changed)
        try:
            prepare._image_names(tmp_path / "damaged.zip", lambda line: None)
        except UserError:
            refused += 1
    assert refused > 10


def test_a_full_disk_is_one_line(tmp_path):
    """The parts fit, the whole does not; the file size limit imitates a full disk."""
    archive = write(tmp_path / "a.zip", official(600))
    code = (
        "import resource, runpy, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_700_000, 1_700_000))\n"
        "del sys.argv[0]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    words = [SCRIPT, "--zip", archive, "--out", tmp_path / "data.npz", "--workers", "1"]
    result = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert f"error: cannot read or write {tmp_path / 'data.npz'}" in result.stderr
    assert "Traceback" not in result.stderr


def test_members_besides_the_images_are_mentioned(tmp_path):
    archive = write(tmp_path / "a.zip", official(1) | {"img_align_celeba/": b"", "notes.txt": b"x"})
    said = []
    prepare.prepare(archive, tmp_path / "data.npz", say=said.append)
    assert said[0] == (
        "note: members that are not img_align_celeba/*.jpg are ignored: 1, 'notes.txt'"
    )


def test_the_command_and_an_absent_file(tmp_path):
    words = [sys.executable, SCRIPT, "--zip", tmp_path / "absent.zip", "--out", tmp_path / "a.npz"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {tmp_path / 'absent.zip'}: no such file: get img_")
    assert len(result.stderr.splitlines()) == 1
