"""Prepare CelebA: crop and resize the images of img_align_celeba.zip into one array, data.npz.

The archive is not unpacked to disk, and no name in it becomes a path. The work is spread over
processes, and an interrupted run resumes.
"""

import io
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError

from disentanglement.console import progress_bar
from disentanglement.data import npz, parts
from disentanglement.data.celeba.dataset import NUM_IMAGES
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import atomic_path, locked
from disentanglement.wording import counted

FOLDER = "img_align_celeba"
ARCHIVE = "img_align_celeba.zip"
WIDTH, HEIGHT = 178, 218
CROP, SIZE = 128, 32
_PART = 500  # images
_FORMAT = 1  # increase it when the same archive would give other images
_BAD_IMAGE_ERRORS = (OSError, SyntaxError, Image.DecompressionBombError, *npz.READ_ERRORS)


def prepare(
    archive: Path,
    out: Path,
    workers: int = 1,
    limit: int | None = None,
    skip_bad: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Write the archive's images, in the order of their names, to an npz file.

    The file holds one array, imgs, uint8 [N, 32, 32, 3]. Finished parts are kept beside `out`, and
    an interrupted call resumes from them.

    Args:
        archive: img_align_celeba.zip.
        out: The npz file to write.
        workers: Processes.
        limit: Use only the first `limit` images.
        skip_bad: Leave out images that cannot be used, and report them; otherwise the first such
            image raises UserError.
        say: Called with lines for the user: what was left out, what was written.

    Raises:
        UserError: `out` exists, or the archive is damaged or holds something else.
    """
    if out.suffix != ".npz":
        raise UserError(f"{out}: the name must end in .npz")
    if not archive.exists():
        raise UserError(
            f"{archive}: no such file: get {ARCHIVE} (see docs/DATA.md) and give its path with "
            "--zip"
        )
    _check_absent(out)
    start = time.perf_counter()
    names, unsafe = _image_names(archive, say)
    if unsafe and not skip_bad:
        raise UserError(
            f"{archive}: the name '{unsafe[0]}' points outside its folder, so this is not the "
            "official archive; --skip-bad leaves such members out"
        )
    if not names:
        raise UserError(
            f"{archive}: holds no {FOLDER}/*.jpg besides those that --skip-bad leaves out"
        )
    names = names[:limit]
    folder = out.with_name(f".{out.stem}.parts")
    with locked(folder, wait=True):
        _check_absent(out)  # another process may have written it meanwhile
        fingerprint = _fingerprint(archive)
        description = {"format": _FORMAT, "archive": fingerprint, "pictures": len(names)}
        parts.check_description(folder, description, f"{folder} holds parts of another set")
        parts.write_description(folder, description)
        todo = _parts(archive, fingerprint, names, folder, skip_bad)
        with progress_bar(len(names), "images") as bar:
            parts.make_missing(todo, workers, bar)
        bad = _merge_parts(archive, out, [part.path for part in todo], skip_bad)
    shutil.rmtree(folder, ignore_errors=True)
    seconds = time.perf_counter() - start
    for line in bad[:5]:
        say(f"left out: {line}")
    if bad or unsafe:
        say(f"note: left out by --skip-bad: {len(bad) + len(unsafe)}")
    count = len(names) - len(bad)
    if count < NUM_IMAGES and not limit:
        say(f"note: {counted(count, 'image')}; the official archive has {NUM_IMAGES:,}")
    say(f"{out}: {counted(count, 'image')}, {out.stat().st_size / 1e6:.1f} MB, {seconds:.0f} s")


def crop_and_resize(image: np.ndarray) -> np.ndarray:
    """Crop the central 128x128 of an image and resize it bilinearly, without antialiasing.

    So does OpenCV's INTER_LINEAR in the paper's code: at a quarter of the size, a new pixel is the
    mean of the middle four of the 4x4 old pixels that it covers.

    Args:
        image: uint8 [218, 178, 3].

    Returns:
        uint8 [32, 32, 3].
    """
    # Not Pillow's resize: it blurs (antialiases) what it makes smaller.
    top, left = (HEIGHT - CROP) // 2, (WIDTH - CROP) // 2
    blocks = image[top : top + CROP, left : left + CROP].reshape(SIZE, 4, SIZE, 4, 3)
    four = blocks[:, 1:3, :, 1:3].astype(np.uint16).sum(axis=(1, 3))
    return ((four + 2) // 4).astype(np.uint8)


def _check_absent(out: Path) -> None:
    if out.exists():
        raise UserError(f"{out} exists: choose another name, or move it away")


def _image_names(path: Path, say: Callable[[str], None]) -> tuple[list[str], list[str]]:
    """Return the names of the archive's images, sorted, and names that lead out of its folder."""
    names, unsafe, others = [], [], []
    for name in _open(path).namelist():
        if name.endswith("/"):
            continue
        member = PurePosixPath(name.replace("\\", "/"))
        if member.is_absolute() or ".." in member.parts or ":" in name:
            unsafe.append(name)
        elif member.parent == PurePosixPath(FOLDER) and member.suffix == ".jpg":
            names.append(name)
        else:
            others.append(name)
    if not names and not unsafe:
        found = f"holds '{others[0]}'" if others else "is empty"
        raise UserError(
            f"{path}: {found} and no {FOLDER}/*.jpg: is it img_align_celeba.zip from the official "
            'downloads ("Align&Cropped Images")?'
        )
    if others:
        say(f"note: members that are not {FOLDER}/*.jpg are ignored: {len(others)}, '{others[0]}'")
    return sorted(names), unsafe


def _open(path: Path) -> zipfile.ZipFile:
    try:
        with os_errors_in_one_line(path):
            return zipfile.ZipFile(path)
    except npz.READ_ERRORS as error:
        raise UserError(
            f"{path}: not a zip archive, or cut off ({error}): download it again"
        ) from error


@lru_cache(maxsize=1)
def _open_once(path: Path, fingerprint: str) -> zipfile.ZipFile:
    """Open the archive; a worker reads its table of contents once."""
    return _open(path)


def _fingerprint(path: Path) -> str:
    """Return a fingerprint of the names, sizes and checksums of an archive's members."""
    text = "".join(f"{i.filename} {i.file_size} {i.CRC}\n" for i in _open(path).infolist())
    return f"{zlib.crc32(text.encode()):08x}-{path.stat().st_size}"


def _parts(
    archive: Path, fingerprint: str, names: list[str], folder: Path, skip_bad: bool
) -> list[parts.Part]:
    result = []
    for number, start in enumerate(range(0, len(names), _PART)):
        some, path = names[start : start + _PART], folder / f"{number:06d}.npz"
        arguments = (archive, fingerprint, some, path, skip_bad)
        result.append(parts.Part(path, len(some), _make_part, arguments))
    return result


def _make_part(
    archive: Path, fingerprint: str, names: list[str], path: Path, skip_bad: bool
) -> None:
    """Prepare some images and save them, with a line for each bad one; runs in a worker."""
    images, bad = [], []
    for name in names:
        try:
            images.append(crop_and_resize(_read(_open_once(archive, fingerprint), name)))
        except _BAD_IMAGE_ERRORS as error:
            line = f"{name} ({error})"
            if not skip_bad:
                raise UserError(
                    f"{archive}: {line}: download the archive again, or leave out such images "
                    "with --skip-bad"
                ) from error
            bad.append(line)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        npz.add_array(file, "imgs", np.array(images, np.uint8).reshape(-1, SIZE, SIZE, 3))
        npz.add_array(file, "bad", np.array(bad, "U"))


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    content = io.BytesIO(archive.read(name))
    try:
        opened = Image.open(content, formats=["JPEG"])
    except UnidentifiedImageError:  # its text names an object in memory, not the file
        raise ValueError("cannot identify image: not a JPEG, or its beginning is damaged") from None
    with opened as image:
        if image.size != (WIDTH, HEIGHT):
            raise ValueError(f"it is {image.size[0]}x{image.size[1]}, not {WIDTH}x{HEIGHT}")
        return np.asarray(image.convert("RGB"))


def _merge_parts(archive: Path, out: Path, paths: list[Path], skip_bad: bool) -> list[str]:
    """Write the images of all parts to `out`; return a line for each image left out."""
    counts: list[int] = []
    bad: list[str] = []
    for path in paths:
        with npz.open_npz(path, parts.DAMAGED_PART_ADVICE) as part:
            with npz.open_array(part, "imgs") as array:
                counts.append(array.shape[0])
            with npz.open_array(part, "bad") as array:
                bad += array.read(array.shape[0]).tolist()
    if bad and not skip_bad:  # the interrupted run had --skip-bad
        raise UserError(f"{archive}: {bad[0]}: leave out such images with --skip-bad")
    if not sum(counts):
        raise UserError(
            f"{archive}: no image could be used; the first: {bad[0]}: download it again"
        )
    shape = (sum(counts), SIZE, SIZE, 3)
    with (
        atomic_path(out) as temporary,
        zipfile.ZipFile(temporary, "w") as target,
        npz.create_array(target, "imgs", shape, np.uint8) as file,
    ):
        for path in paths:
            for chunk in npz.read_chunks(path, "imgs", _PART, parts.DAMAGED_PART_ADVICE):
                file.write(chunk.tobytes())
    return bad
