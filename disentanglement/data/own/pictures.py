"""Read a picture of any kind as an array: what becomes of its mode, its transparency, its rotation.

palette         its colours
transparency    laid over white
CMYK            converted as Pillow does, without a colour profile
16 bits, grey   divided by 257, so that 65,535 is white
floats, grey    must lie in [0, 1]
EXIF rotation   applied
several frames  the first one
"""

import warnings
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from disentanglement.data import npz
from disentanglement.data.fit import RESAMPLING

# What a picture that cannot be used raises, with a reason in its text.
BAD_PICTURE_ERRORS = (OSError, SyntaxError, Image.DecompressionBombError, *npz.READ_ERRORS)
_NEVER = {"EPS", "PDF"}  # Pillow has other programs read these
_SHRUNK = 2  # a JPEG is decoded at no less than this many times the size that is wanted


@cache
def formats() -> tuple[str, ...]:
    """Return the names of the formats that are read."""
    Image.init()
    return tuple(sorted(set(Image.OPEN) - _NEVER))


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of their files, in small letters, with the dot."""
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, name in known if name in formats())


def read(path: Path, size: int, crop: bool, grey: bool) -> tuple[np.ndarray, bool]:
    """Read a picture and make it square.

    Args:
        path: The file.
        size: Height and width of the result.
        crop: Take the largest square in the middle; otherwise the whole picture is squeezed.
        grey: Return one channel instead of three.

    Returns:
        uint8 [size, size, 1 or 3], and whether it was square before.

    Raises:
        One of BAD_PICTURE_ERRORS: It cannot be read.
    """
    with warnings.catch_warnings():  # of damaged EXIF data, or of a large picture
        warnings.simplefilter("ignore")
        with Image.open(path, formats=formats()) as picture:
            picture.draft("L" if grey else None, (_SHRUNK * size,) * 2)  # does nothing but for JPEG
            picture.load()
            upright = ImageOps.exif_transpose(picture)
    plain = _plain(upright, "L" if grey else "RGB")
    width, height = plain.size
    if crop:
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        plain = plain.crop((left, top, left + side, top + side))
    small = plain.resize((size, size), RESAMPLING)
    return np.asarray(small).reshape(size, size, -1), width == height


def _plain(picture: Image.Image, mode: str) -> Image.Image:
    """Return a picture of any mode as "L" or "RGB"; see above."""
    if picture.mode.startswith("I"):
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError(f"its values, {values.min()}..{values.max()}, exceed 16 bits")
        return Image.fromarray(np.rint(values / 257).astype(np.uint8)).convert(mode)
    if picture.mode == "F":
        values = np.asarray(picture)
        if not (values.min() >= 0 and values.max() <= 1):  # NaN too
            raise ValueError("its values are floats outside [0, 1]")
        return Image.fromarray(np.rint(values * 255).astype(np.uint8)).convert(mode)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    if picture.mode in ("P", "CMYK", "LAB"):
        picture = picture.convert("RGB")
    return picture.convert(mode)
