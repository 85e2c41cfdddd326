"""Shapes3D (Burgess and Kim 2018): 3dshapes.h5, 480,000 images, a full grid of six factors."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.official.cache import cache_of, open_images
from disentanglement.data.official.reader import Reader, find_first
from disentanglement.errors import UserError

FILES = ("3dshapes.h5",)
MD5 = {"3dshapes.h5": "099a2078d58cec4daad0702c55d06868"}
FACTOR_NAMES = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
FACTOR_SIZES = (10, 10, 10, 8, 4, 15)
CONTINUOUS = (True, True, True, True, False, True)
SHAPE = (64, 64, 3)
_ADVICE = "download it again"
# Images read at a time, at least: whole HDF5 chunks, which h5py makes up to 15,000 images long.
_ROWS, _MAX_ROWS = 4096, 16_384


def find(folder: Path) -> Path | None:
    """Return the official file in a folder, None if there is none."""
    return find_first(folder, FILES)


def load(path: Path, say: Callable[[str], None] = print) -> ImageArrays:
    """Load the official file; the first time, an unpacked copy is made beside it (5.9 GB).

    Raises:
        UserError: The file is damaged, or is not Shapes3D.
    """
    count = int(np.prod(FACTOR_SIZES))
    shape = (count, *SHAPE)
    chunks = lambda: _chunks(path, count)  # noqa: E731
    return ImageArrays(
        name=READER.label,
        images=open_images(cache_of(path), [path], shape, chunks, say, MD5),
        factor_names=FACTOR_NAMES,
        continuous=CONTINUOUS,
        factor_sizes=FACTOR_SIZES,
    )


def _chunks(path: Path, count: int) -> Iterator[np.ndarray]:
    with _errors_in_one_line(path), h5py.File(path, "r", locking=False) as file:
        images = _dataset(path, file, "images", (count, *SHAPE))
        if images.dtype != np.uint8:
            raise UserError(f"{path}: 'images' are {images.dtype}, not uint8: {_ADVICE}")
        _check_labels(path, _dataset(path, file, "labels", (count, len(FACTOR_SIZES))))
        length = images.chunks[0] if images.chunks else 1
        rows = min(length * -(-_ROWS // length), _MAX_ROWS)
        for start in range(0, count, rows):
            yield images[start : start + rows]


def _dataset(path: Path, file: h5py.File, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise UserError(f"{path}: there is no array '{name}': is it the official {FILES[0]}?")
    if found.file.id != file.id or found.external or found.is_virtual:
        raise UserError(f"{path}: '{name}' leads to another file, which the official one does not")
    if found.shape != shape:
        raise UserError(
            f"{path}: '{name}' has the shape {found.shape}, but Shapes3D has {shape}: is it the "
            f"official {FILES[0]}?"
        )
    return found


def _check_labels(path: Path, labels: h5py.Dataset) -> None:
    """Check that the images are in the official order: the last factor changes fastest."""
    if labels.dtype.kind not in "iuf":
        raise UserError(f"{path}: 'labels' are {labels.dtype}, not numbers: {_ADVICE}")
    expected = np.unravel_index(np.arange(len(labels)), FACTOR_SIZES)
    for name, column, classes in zip(FACTOR_NAMES, np.asarray(labels).T, expected, strict=True):
        if not np.array_equal(np.unique(column, return_inverse=True)[1], classes):
            raise UserError(
                f"{path}: the labels of '{name}' are not in the official order: is it a subset, or "
                "shuffled?"
            )


@contextlib.contextmanager
def _errors_in_one_line(path: Path) -> Iterator[None]:
    """Turn what h5py raises for a damaged file into a UserError."""
    try:
        yield
    except PermissionError:
        raise UserError(f"{path}: cannot be read: change its permissions") from None
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        text = " ".join(str(error).split())
        raise UserError(f"{path}: damaged, cut off or no HDF5 file ({text}): {_ADVICE}") from error


READER = Reader(
    label="Shapes3D",
    files=FILES,
    source="https://github.com/google-deepmind/3d-shapes",
    licence="Apache 2.0",
    images=int(np.prod(FACTOR_SIZES)),
    image_shape=SHAPE,
    find=find,
    load=load,
)
