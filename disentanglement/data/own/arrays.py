"""Prepare the images of an npz file instead of pictures in a folder."""

from pathlib import Path

import numpy as np

from disentanglement.data import npz, parts
from disentanglement.data.fit import ImageFormat, as_bytes, fitted
from disentanglement.data.own import read
from disentanglement.data.own.part import Options, save_part
from disentanglement.errors import UserError
from disentanglement.files import fingerprint

_PART = 5000  # images; a part reads the file from its beginning


def contents(path: Path) -> read.Contents:
    """Return what a file holds besides its pixels; see `own.read.contents`.

    Raises:
        UserError: It cannot be used.
    """
    found = read.contents(path)
    if found.shape[-1] not in (1, 3):
        raise UserError(
            f"{path}: imgs are {found.shape}: must be [N, H, W, C] with 1 or 3 channels, C"
        )
    if found.shape[0] < 2:
        raise UserError(f"{path}: holds one image only: training needs at least two")
    return found


def parts_of(
    path: Path, held: read.Contents, folder: Path, options: Options
) -> tuple[list[parts.Part], dict[str, str]]:
    """Return the parts of a file's images, to be made in `folder`, and what decides their content.

    Args:
        path: The file.
        held: What it holds.
        folder: The folder of the parts.
        options: How the images are made to fit.
    """
    made = []
    for number, start in enumerate(range(0, held.shape[0], _PART)):
        count, part = min(_PART, held.shape[0] - start), folder / f"{number:06d}.npz"
        arguments = (path, start, count, held.shape[1:], part, options)
        made.append(parts.Part(part, count, _make_part, arguments))
    return made, {"source": f"an npz file, {fingerprint(path)}"}


def _make_part(
    path: Path,
    start: int,
    count: int,
    shape: tuple[int, int, int],
    part: Path,
    options: Options,
) -> None:
    """Convert some images and save them; runs in a worker."""
    form = ImageFormat(options.size, (options.shape[-1],))
    images = np.empty((count, *options.shape), np.uint8)
    with npz.open_npz(path, read.ADVICE) as archive, npz.open_array(archive, "imgs") as array:
        array.allocate(np.uint8)  # raises if the file cannot hold as many as it says
        rows, done, position = read.rows_at_a_time(array), 0, 0
        while done < count:
            before = start - position  # rows to pass over
            chunk = array.read(min(rows, before if before > 0 else count - done))
            position += len(chunk)
            if before > 0:
                continue
            pixels = as_bytes(array, chunk).reshape(len(chunk), *shape)
            images[done : done + len(chunk)] = fitted(_cropped(pixels, options.crop), form)
            done += len(chunk)
    height, width, _ = shape
    save_part(part, images, uneven=0 if height == width else count)


def _cropped(images: np.ndarray, crop: bool) -> np.ndarray:
    """Return the largest squares in the middle of images [n, H, W, C], or all of them."""
    height, width = images.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, top : top + side, left : left + side] if crop else images
