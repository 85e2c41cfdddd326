"""Cars3D (Reed et al. 2015, "Deep visual analogy-making"): 17,568 images of 183 car models.

The official archive holds a MATLAB file for each car. It is read without unpacking it to disk, and
no name in it becomes a path.
"""

import gzip
import io
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.official.cache import cache_of, open_images
from disentanglement.data.official.reader import Reader, find_first
from disentanglement.errors import UserError
from disentanglement.wording import counted

FILES = ("nips2015-analogy-data.tar.gz",)
MD5 = {"nips2015-analogy-data.tar.gz": "4e866a7919c1beedf53964e6f7a23686"}
FACTOR_NAMES = ("elevation", "azimuth", "object")
FACTOR_SIZES = (4, 24, 183)
CONTINUOUS = (True, True, False)
SHAPE = (64, 64, 3)
_MAT_SHAPE = (128, 128, 3)  # of an image; azimuth and elevation follow
_FOLDER, _LIST = "cars", "list.txt"
_MAX_MEMBER = 1 << 26  # bytes: a car's images are 19 MB, and its masks 6 MB, unpacked
_ADVICE = "download it again"
_ARCHIVE_ERRORS = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError)
_MAT_ERRORS = (
    MatReadError,
    NotImplementedError,  # MATLAB 7.3
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    OSError,
    EOFError,
    zlib.error,
    struct.error,
)


def find(folder: Path) -> Path | None:
    """Return the official archive in a folder, None if there is none."""
    return find_first(folder, FILES)


def load(path: Path, say: Callable[[str], None] = print) -> ImageArrays:
    """Load the official archive; the first time, its images are resized and cached beside it.

    The images are resized from 128x128 to 64x64 with Pillow's Lanczos filter, as
    disentanglement_lib does. The cars are numbered in the order of the archive's list.txt.

    Raises:
        UserError: The archive is damaged, or is not Cars3D.
    """
    shape = (int(np.prod(FACTOR_SIZES)), *SHAPE)
    chunks = lambda: _chunks(path)  # noqa: E731
    return ImageArrays(
        name=READER.label,
        images=open_images(cache_of(path), [path], shape, chunks, say, MD5),
        factor_names=FACTOR_NAMES,
        continuous=CONTINUOUS,
        factor_sizes=FACTOR_SIZES,
    )


def _chunks(path: Path) -> Iterator[np.ndarray]:
    """Yield the images of a pose, one of each car, for all poses: the car changes fastest."""
    elevations, azimuths, cars = FACTOR_SIZES
    images = np.empty((cars, elevations, azimuths, *SHAPE), np.uint8)
    names: dict[str, int] = {}  # by the place in `images`, in the order of the archive
    listed = None
    for name, content in _members(path):
        if name == _LIST:
            listed = content.decode("utf-8", "replace").split()
        elif len(names) == cars:
            raise UserError(f"{path}: holds more than {cars} cars, so it is not Cars3D")
        else:
            images[len(names)] = _car(path, name, content)
            names[name.removesuffix(".mat")] = len(names)
    order = [names[name] for name in _order(path, listed, set(names))]
    for elevation in range(elevations):
        for azimuth in range(azimuths):
            yield images[order, elevation, azimuth]


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the cars' files and of their list."""
    try:
        with gzip.open(path) as stream:
            # A stream of gzip's own: tarfile's does not compare the checksum.
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    name = _wanted(path, member)
                    if name is not None:
                        file = archive.extractfile(member)
                        assert file, "a regular file"
                        yield name, file.read()
            while stream.read(1 << 20):
                pass
    except _ARCHIVE_ERRORS as error:
        raise UserError(
            f"{path}: damaged, cut off or no tar.gz archive ({error}): {_ADVICE}"
        ) from error


def _wanted(path: Path, member: tarfile.TarInfo) -> str | None:
    """Return the name of a member in the cars' folder; None for the others. UserError if unsafe."""
    place = PurePosixPath(member.name.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts:
        raise UserError(
            f"{path}: the name '{member.name}' points outside its folder, so this is not the "
            f"official archive: {_ADVICE}"
        )
    if not member.isreg() or place.parent.name != _FOLDER or place.name.startswith("."):
        return None
    if place.name != _LIST and place.suffix != ".mat":
        return None
    if member.size > _MAX_MEMBER:
        raise UserError(f"{path}: '{member.name}' is too large for a car: {_ADVICE}")
    return place.name


def _car(path: Path, name: str, content: bytes) -> np.ndarray:
    """Return a car's images, uint8 [elevation, azimuth, 64, 64, 3]."""
    try:
        images = loadmat(io.BytesIO(content), variable_names=["im"])["im"]
    except _MAT_ERRORS as error:
        text = " ".join(str(error).split())
        raise UserError(
            f"{path}: {name} cannot be read ({type(error).__name__}: {text}): {_ADVICE}"
        ) from error
    elevations, azimuths, _ = FACTOR_SIZES
    expected = (*_MAT_SHAPE, azimuths, elevations)
    if images.shape != expected or images.dtype != np.uint8:
        raise UserError(
            f"{path}: 'im' in {name} is {images.dtype} {images.shape}, but Cars3D has uint8 "
            f"{expected}: {_ADVICE}"
        )
    resized = np.empty((elevations, azimuths, *SHAPE), np.uint8)
    for e, a in np.ndindex(elevations, azimuths):
        image = Image.fromarray(np.ascontiguousarray(images[..., a, e]))
        resized[e, a] = np.asarray(image.resize(SHAPE[:2], Image.Resampling.LANCZOS))
    return resized


def _order(path: Path, listed: list[str] | None, names: set[str]) -> list[str]:
    """Return the cars' names in the order of the list, after checking that they match."""
    if listed is None:
        raise UserError(f"{path}: there is no {_FOLDER}/{_LIST}: {_ADVICE}")
    listed = [name.removesuffix(".mat") for name in listed]
    if missing := [name for name in listed if name not in names]:
        raise UserError(
            f"{path}: {_LIST} names {counted(len(missing), 'car')} that are not there, first "
            f"'{missing[0]}': {_ADVICE}"
        )
    if len(listed) != FACTOR_SIZES[2] or len(set(listed)) != len(listed):
        raise UserError(
            f"{path}: {_LIST} names {counted(len(set(listed)), 'car')} on "
            f"{counted(len(listed), 'line')}, but Cars3D has {FACTOR_SIZES[2]}: {_ADVICE}"
        )
    return listed


READER = Reader(
    label="Cars3D",
    files=FILES,
    source="http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",
    licence="none stated",
    images=int(np.prod(FACTOR_SIZES)),
    image_shape=SHAPE,
    find=find,
    load=load,
)
