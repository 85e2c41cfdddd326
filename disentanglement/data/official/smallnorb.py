"""SmallNORB (LeCun et al. 2004): 48,600 photographs of 50 toys, from the left camera."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.official.binary_matrix import BYTES, INTEGERS, read
from disentanglement.data.official.cache import open_images
from disentanglement.data.official.reader import Reader, find_first
from disentanglement.errors import UserError

# disentanglement_lib joins them in this order, too.
PARTS = ("5x46789x9x18x6x2x96x96-training", "5x01235x9x18x6x2x96x96-testing")
KINDS = ("dat", "cat", "info")
MD5 = {
    "smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat.gz": "66054832f9accfe74a0f4c36a75bc0a2",
    "smallnorb-5x46789x9x18x6x2x96x96-training-cat.mat.gz": "23c8b86101fbf0904a000b43d3ed2fd9",
    "smallnorb-5x46789x9x18x6x2x96x96-training-info.mat.gz": "51dee1210a742582ff607dfd94e332e3",
    "smallnorb-5x01235x9x18x6x2x96x96-testing-dat.mat.gz": "e4ad715691ed5a3a5f138751a4ceb071",
    "smallnorb-5x01235x9x18x6x2x96x96-testing-cat.mat.gz": "5aa791cd7e6016cf957ce9bdb93b8603",
    "smallnorb-5x01235x9x18x6x2x96x96-testing-info.mat.gz": "a9454f3864d7fd4bb3ea7fc3eb84924e",
}
FACTOR_NAMES = ("category", "elevation", "azimuth", "lighting")
CONTINUOUS = (False, True, True, False)
# The columns of `read_factors`: category, instance, elevation, azimuth, lighting.
SIZES = (5, 10, 9, 18, 6)
_SCORED = [0, 2, 3, 4]
SHAPE = (64, 64, 1)
_CAMERAS, _SIDE = 2, 96
_ROWS = 500  # pairs of images read at a time: 9 MB
_CACHE = "smallnorb.cache.npz"


def find(folder: Path) -> Path | None:
    """Return the training images in a folder, None if there are none; the others lie beside it."""
    return find_first(folder, _names(PARTS[0], "dat"))


def load(path: Path, say: Callable[[str], None] = print) -> ImageArrays:
    """Load the six official files; the first time, the images are resized and cached beside them.

    The images are those of camera 0, resized from 96x96 to 64x64 with Pillow's Lanczos filter:
    first the training set, then the test set. The factors are classes, counted from 0. The instance
    is not among them, as in disentanglement_lib: instance 3 of the cars has nothing in common with
    instance 3 of the animals. `read_factors` has it.

    Args:
        path: The training images, as `find` returns them.
        say: Called with lines for the user.

    Raises:
        UserError: A file is missing, damaged, or not of SmallNORB.
    """
    files = _files(path.parent)
    dats, sources = [files[part, "dat"] for part in PARTS], list(files.values())
    shape = (int(np.prod(SIZES)), *SHAPE)
    chunks = lambda: _chunks(dats)  # noqa: E731
    factors = read_factors(path)
    return ImageArrays(
        name=READER.label,
        images=open_images(path.with_name(_CACHE), sources, shape, chunks, say, MD5),
        factor_names=FACTOR_NAMES,
        continuous=CONTINUOUS,
        factors=factors[:, _SCORED],
    )


def read_factors(path: Path) -> np.ndarray:
    """Return the classes [48600, 5] of category, instance, elevation, azimuth and lighting.

    Args:
        path: The training images, as `find` returns them.

    Raises:
        UserError: A file is missing, damaged, or not of SmallNORB.
    """
    files, tables = _files(path.parent), []
    for part in PARTS:
        cat, info = files[part, "cat"], files[part, "info"]
        (categories,) = read(cat, INTEGERS, (_count(),), _count())
        (others,) = read(info, INTEGERS, (_count(), 4), _count())
        tables.append(np.column_stack([categories, others]).astype(np.int64))
    factors = np.concatenate(tables)
    odd = factors[:, 3] % 2  # the azimuth is stored as 0, 2, 4, ..., 34
    factors[:, 3] //= 2
    within = ((factors >= 0) & (factors < SIZES)).all() and not odd.any()
    if not within or len(np.unique(factors, axis=0)) != len(factors):
        raise UserError(
            f"{path.parent}: the -cat and -info files do not list each toy once in each pose, as "
            "SmallNORB does: download them again"
        )
    return factors


def _count() -> int:
    """Return the number of images in each of the two sets."""
    return int(np.prod(SIZES)) // len(PARTS)


def _chunks(dats: list[Path]) -> Iterator[np.ndarray]:
    shape = (_count(), _CAMERAS, _SIDE, _SIDE)
    for path in dats:
        for pairs in read(path, BYTES, shape, _ROWS):
            resized = np.empty((len(pairs), *SHAPE), np.uint8)
            for image, pair in zip(resized, pairs, strict=True):
                smaller = Image.fromarray(pair[0]).resize(SHAPE[:2], Image.Resampling.LANCZOS)
                image[..., 0] = np.asarray(smaller)
            yield resized


def _names(part: str, kind: str) -> tuple[str, str]:
    name = f"smallnorb-{part}-{kind}.mat"
    return f"{name}.gz", name


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    """Return the six files by (part, kind). Raises UserError if one is missing."""
    found = {}
    for part in PARTS:
        for kind in KINDS:
            path = find_first(folder, _names(part, kind))
            if path is None:
                raise UserError(
                    f"{folder}: {_names(part, kind)[0]} is missing: get it from {READER.source}"
                )
            found[part, kind] = path
    return found


READER = Reader(
    label="SmallNORB",
    files=tuple(_names(PARTS[0], "dat")),
    source="https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
    licence="for research, not to be sold",
    images=int(np.prod(SIZES)),
    image_shape=SHAPE,
    find=find,
    load=load,
)
