"""From img_align_celeba.zip to data.npz: crop, resize, stack; on every core, resumable.

The archive is read as it is: nothing is unpacked to the disk, and no name in it becomes a path.
"""

import io
import shutil
import time
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from disentanglement.data import npz, parts
from disentanglement.data.celeba.dataset import NUM_IMAGES
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import atomic_path, locked

FOLDER = "img_align_celeba"
WIDTH, HEIGHT = 178, 218
CROP, SIZE = 128, 32
_PART = 500  # pictures
_FORMAT = 1  # to be raised when the same archive comes to give other images
_BAD = (OSError, SyntaxError, Image.DecompressionBombError, *npz.DAMAGE)


def prepare(
    archive: Path,
    out: Path,
    workers: int = 1,
    limit: int | None = None,
    skip_bad: bool = False,
    say=print,
) -> None:
    """Write the array imgs [N, 32, 32, 3], uint8, of the archive's pictures in the order of names.

    limit: only the first so many. skip_bad: leave out pictures that cannot be used, and say how
    many; otherwise the first of them is a UserError. What an interrupted call left beside `out`
    is gone on from. say: called with a line now and then. Raises UserError if `out` exists, and for
    an archive that is damaged or holds something else.
    """
    if out.suffix != ".npz":
        raise UserError(f"{out}: the name must end in .npz")
    if not archive.exists():
        raise UserError(
            f"{archive}: no such file: get img_align_celeba.zip (the README says where) and name "
            "it by --zip"
        )
    _check_absent(out)
    start = time.perf_counter()
    names, outside = _pictures(archive, say)
    if outside and not skip_bad:
        raise UserError(
            f"{archive}: the name '{outside[0]}' leads out of its folder: not the official "
            "archive; --skip-bad leaves such members out"
        )
    if not names:
        raise UserError(f"{archive}: holds no {FOLDER}/*.jpg beside what --skip-bad leaves out")
    names = names[:limit]
    folder = out.with_name(f".{out.stem}.parts")
    with locked(folder, wait=True):
        _check_absent(out)  # another process may have made it meanwhile
        about = {
            "format": _FORMAT,
            "archive": _fingerprint(archive),
            "pictures": len(names),
        }
        parts.check(folder, about, f"{folder} holds the beginnings of another set")
        parts.begin(folder, about)
        todo = _parts(archive, about["archive"], names, folder, skip_bad)
        with tqdm(total=len(names), unit=" pictures", smoothing=0.05) as bar:
            parts.finish(todo, workers, bar)
        bad = _write(archive, out, [part.path for part in todo], skip_bad)
    shutil.rmtree(folder, ignore_errors=True)
    seconds = time.perf_counter() - start
    for line in bad[:5]:
        say(f"left out: {line}")
    if bad or outside:
        say(f"note: left out by --skip-bad: {len(bad) + len(outside)}")
    count = len(names) - len(bad)
    if count < NUM_IMAGES and not limit:
        say(f"note: {count:,} pictures; the official archive has {NUM_IMAGES:,}")
    say(f"{out}: {count:,} pictures, {out.stat().st_size / 1e6:.1f} MB, {seconds:.0f} s")


def crop_and_resize(picture: np.ndarray) -> np.ndarray:
    """[218, 178, 3] uint8 -> [32, 32, 3] uint8: the middle 128x128, resized bilinearly.

    Without antialiasing, as OpenCV's INTER_LINEAR: at a quarter of the size a new pixel's centre
    lies between the middle four of its 4x4 old ones, whose mean it is.
    """
    top, left = (HEIGHT - CROP) // 2, (WIDTH - CROP) // 2
    blocks = picture[top : top + CROP, left : left + CROP].reshape(SIZE, 4, SIZE, 4, 3)
    four = blocks[:, 1:3, :, 1:3].astype(np.uint16).sum(axis=(1, 3))
    return ((four + 2) // 4).astype(np.uint8)


def _check_absent(out):
    if out.exists():
        raise UserError(f"{out} exists: choose another name, or move it away")


def _pictures(path, say):
    """The names of the archive's pictures, sorted, and names that lead out of its folder."""
    names, outside, others = [], [], []
    for name in _opened(path).namelist():
        if name.endswith("/"):
            continue
        path_in = PurePosixPath(name.replace("\\", "/"))
        if path_in.is_absolute() or ".." in path_in.parts or ":" in name:
            outside.append(name)
        elif path_in.parent == PurePosixPath(FOLDER) and path_in.suffix == ".jpg":
            names.append(name)
        else:
            others.append(name)
    if not names and not outside:
        found = f"holds '{others[0]}'" if others else "is empty"
        raise UserError(
            f"{path}: {found} and no {FOLDER}/*.jpg: is it img_align_celeba.zip of the official "
            '"In-The-Wild / Align&Cropped" downloads?'
        )
    if others:
        say(f"note: {len(others)} members are not {FOLDER}/*.jpg and are left alone: '{others[0]}'")
    return sorted(names), outside


@lru_cache(maxsize=1)
def _open(path, mark):
    """The archive; a worker reads its table of contents once. mark: its fingerprint."""
    return _opened(path)


def _opened(path):
    try:
        with os_errors_in_one_line(path):
            return zipfile.ZipFile(path)
    except npz.DAMAGE as error:
        raise UserError(
            f"{path}: not a zip archive, or cut off ({error}): download it again"
        ) from error


def _fingerprint(path):
    """Tells archives apart by names, sizes and checksums of what they hold."""
    text = "".join(f"{i.filename} {i.file_size} {i.CRC}\n" for i in _opened(path).infolist())
    return f"{zlib.crc32(text.encode()):08x}-{path.stat().st_size}"


def _parts(archive, mark, names, folder, skip_bad):
    result = []
    for number, start in enumerate(range(0, len(names), _PART)):
        some, path = names[start : start + _PART], folder / f"{number:06d}.npz"
        result.append(parts.Part(path, len(some), _make, (archive, mark, some, path, skip_bad)))
    return result


def _make(archive, mark, names, path, skip_bad):
    """In a worker: read some pictures and save them with what was wrong with others."""
    images, bad = [], []
    for name in names:
        try:
            images.append(crop_and_resize(_read(_open(archive, mark), name)))
        except _BAD as error:
            line = f"{name} ({error})"
            if not skip_bad:
                raise UserError(
                    f"{archive}: {line}: download the archive again, or leave such pictures out "
                    "by --skip-bad"
                ) from error
            bad.append(line)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        npz.add(file, "imgs", np.array(images, np.uint8).reshape(-1, SIZE, SIZE, 3))
        npz.add(file, "bad", np.array(bad, "U"))


def _read(archive, name):
    content = io.BytesIO(archive.read(name))
    try:
        opened = Image.open(content, formats=["JPEG"])
    except UnidentifiedImageError:  # whose text names an object in memory
        raise ValueError("cannot identify image: not a JPEG, or its beginning is damaged") from None
    with opened as picture:
        if picture.size != (WIDTH, HEIGHT):
            raise ValueError(f"it is {picture.size[0]}x{picture.size[1]}, not {WIDTH}x{HEIGHT}")
        return np.asarray(picture.convert("RGB"))


def _write(archive, out, paths, skip_bad):
    """Put the parts together; returns what was wrong with the pictures left out."""
    counts, bad = [], []
    for path in paths:
        with npz.opened(path, parts.AGAIN) as part:
            with npz.member(part, "imgs") as member:
                counts.append(member.shape[0])
            with npz.member(part, "bad") as member:
                bad += member.read(member.shape[0]).tolist()
    if bad and not skip_bad:  # an earlier call was given --skip-bad
        raise UserError(f"{archive}: {bad[0]}: leave such pictures out by --skip-bad")
    if not sum(counts):
        raise UserError(
            f"{archive}: no picture could be used, the first: {bad[0]}: download it again"
        )
    with (
        atomic_path(out) as temporary,
        zipfile.ZipFile(temporary, "w") as target,
        npz.new_member(target, "imgs", (sum(counts), SIZE, SIZE, 3), np.uint8) as file,
    ):
        for path in paths:
            for piece in npz.read_in_pieces(path, "imgs", _PART, parts.AGAIN):
                file.write(piece.tobytes())
    return bad
