"""Read a set of the user's own: an npz file of images, perhaps with their factors.

    imgs           uint8 [N, H, W, C] or [N, H, W], or floats in [0, 1]
    factors        numbers [N, F], NaN where one is unknown; also called latents; may be absent
    factor_names   [F]; default: factor_0, factor_1, ...
    continuous     bool [F], whether a factor is a quantity; default: all are

`python -m disentanglement.data prepare` writes such files.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from disentanglement.data import npz
from disentanglement.data.fit import ImageFormat, as_bytes, check_shape, fitted
from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.own.table import Factors
from disentanglement.errors import UserError
from disentanglement.wording import counted

FILE = "data.npz"  # in the folder of a set
ADVICE = "prepare it again, or mend what wrote it"
_FACTORS = ("factors", "latents")
_NAMED = 5  # arrays that a message lists
_BYTES = 64 << 20  # of the images read at a time


class Contents(NamedTuple):
    """What a file holds besides its pixels.

    Attributes:
        shape: Of the images, (N, H, W, C).
        factors: Numbers [N, F], None without factors.
        names: F names.
        continuous: [F], whether each factor is a quantity.
    """

    shape: tuple[int, int, int, int]
    factors: np.ndarray | None
    names: tuple[str, ...]
    continuous: tuple[bool, ...]

    def table(self) -> Factors:
        """Return the factors as those of a table; there must be factors."""
        assert self.factors is not None
        return Factors(self.factors, list(self.names), list(self.continuous), {})

    def arrays(self, name: str, images: np.ndarray) -> ImageArrays:
        """Return a set of these images and factors."""
        return ImageArrays(
            name=name,
            images=images,
            factor_names=self.names,
            continuous=self.continuous,
            factors=self.factors,
        )


def contents(path: Path) -> Contents:
    """Return what a file holds besides its pixels, which are not read.

    Raises:
        UserError: The file is damaged, or its arrays do not fit together.
    """
    with npz.open_npz(path, ADVICE) as archive:
        held = {name.removesuffix(".npy") for name in archive.namelist()}
        if "imgs" not in held:
            some = ", ".join(sorted(held)[:_NAMED]) or "nothing"
            more = ", ..." if len(held) > _NAMED else ""
            raise UserError(f"{path}: holds {some}{more} but no 'imgs'")
        with npz.open_array(archive, "imgs") as array:
            shape = array.shape if len(array.shape) != 3 else (*array.shape, 1)
        if len(shape) != 4 or not min(shape):
            raise UserError(f"{path}: imgs are {shape}: must be [N, H, W, C] or [N, H, W]")
        kind = next((name for name in _FACTORS if name in held), None)
        factors = _whole(archive, kind) if kind else None
        names = _whole(archive, "factor_names") if "factor_names" in held else None
        kinds = _whole(archive, "continuous") if "continuous" in held else None
    count, rows, height, width, channels = 0, *shape
    if factors is not None:
        factors = _checked_factors(path, kind or "", factors, rows)
        count = factors.shape[1]
    for what, values in (("factor_names", names), ("continuous", kinds)):
        if values is not None and values.shape != (count,):
            raise UserError(
                f"{path}: {what} has shape {values.shape}, but there are {counted(count, 'factor')}"
            )
    default: Sequence[str] = [f"factor_{i}" for i in range(count)]
    factor_names = tuple(str(name) for name in (default if names is None else names))
    if doubled := [name for name in factor_names if factor_names.count(name) > 1]:
        raise UserError(f"{path}: two of the factor_names are '{doubled[0]}'")
    return Contents(
        (rows, height, width, channels),
        factors,
        factor_names,
        tuple([True] * count if kinds is None else map(bool, kinds)),
    )


def read(path: Path, name: str, form: ImageFormat) -> ImageArrays:
    """Read a file's images in a format, with their factors; images are converted while read.

    Raises:
        UserError: The file is damaged or holds something else.
    """
    found = contents(path)
    check_shape(found.shape[1:], path)
    with npz.open_npz(path, ADVICE) as archive, npz.open_array(archive, "imgs") as array:
        array.allocate(np.uint8)  # raises if the file cannot hold as many as it says
        images = np.empty((found.shape[0], *form.shape(found.shape[1:])), np.uint8)
        for start, chunk in array.chunks(rows_at_a_time(array)):
            pixels = as_bytes(array, chunk).reshape(len(chunk), *found.shape[1:])
            images[start : start + len(chunk)] = fitted(pixels, form)
    return found.arrays(name, images)


def rows_at_a_time(array: npz.ArrayReader) -> int:
    """Return how many rows of an array to hold in memory."""
    row = int(np.prod(array.shape[1:], dtype=float)) * array.dtype.itemsize
    return max(1, _BYTES // max(1, row))


def _whole(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with npz.open_array(archive, name) as array:
        if not array.shape:
            raise ValueError(f"'{name}' is a single value, not an array")
        array.allocate(np.uint8)
        return array.read(array.shape[0])


def _checked_factors(path: Path, name: str, factors: np.ndarray, rows: int) -> np.ndarray:
    if factors.dtype.kind not in "biuf":
        raise UserError(
            f"{path}: {name} are {factors.dtype}: must be numbers (number categories 0, 1, ...)"
        )
    if factors.ndim != 2 or len(factors) != rows:
        raise UserError(
            f"{path}: {name} are {factors.shape}: must be a table [N, F] with a row for each of "
            f"the {counted(rows, 'image')}"
        )
    factors = factors.astype(np.float64)
    if np.isinf(factors).any():
        raise UserError(f"{path}: {name} hold infinite values; NaN stands for an unknown one")
    return factors
