"""dSprites (Matthey et al. 2017): 737,280 images of one white shape, all combinations of 5 factors.

If the official npz file is absent, the same images, bit for bit, are rendered and cached. In memory
they stay packed at 1 bit per pixel (377 MB); batches are unpacked.
"""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from disentanglement.config import TrainingConfig
from disentanglement.data import location, npz
from disentanglement.data.dsprites.render import (
    FACTOR_NAMES,
    FACTOR_SIZES,
    FACTOR_VALUES,
    SIZE,
    render,
)
from disentanglement.errors import UserError
from disentanglement.files import atomic_path, keep_old

OFFICIAL_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
CACHE_FILE = "dsprites_regenerated_packed.npy"
_CLASSIFIER = "shape_classifier.keras"
NUM_IMAGES = int(np.prod(FACTOR_SIZES))
_CHUNK = 16384  # images read or written at a time: 64 MB unpacked
_CHECKED = 45  # every 45th image of a cache is checked: 8 MB in about 0.1 s
_CHECKSUM = 4131538451  # CRC-32 of these images, packed


class DSprites:
    """All 737,280 images, numbered in the official order: row-major, posY varies fastest.

    Attributes:
        bits: The packed images, uint8 [737280, 512].
    """

    factor_names = FACTOR_NAMES
    factor_sizes = FACTOR_SIZES
    factor_values = FACTOR_VALUES
    continuous = (False, False, True, True, True, True)  # color and shape are categories
    image_shape = (SIZE, SIZE, 1)

    def __init__(self, bits: np.ndarray):
        self.bits = bits

    def __len__(self) -> int:
        return NUM_IMAGES

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """Return the images [n, 64, 64, 1] with these numbers [n], float32, 0 or 1."""
        pixels = np.unpackbits(self.bits[numbers], axis=1)
        return pixels.reshape(-1, SIZE, SIZE, 1).astype(np.float32)

    @property
    def packed(self) -> np.ndarray:
        """The packed images, uint8 [737280, 512]; see `unpack`."""
        return self.bits

    def unpack(self, rows: Any) -> Any:
        """Return the images of rows of `packed`, computed with `keras.ops`."""
        from keras import ops  # the data alone needs no Keras

        shifts = np.arange(7, -1, -1, dtype=np.int32)  # 8 pixels a byte, highest bit first
        pixels = ops.right_shift(ops.cast(rows, "int32")[..., None], shifts) & 1
        return ops.cast(ops.reshape(pixels, (-1, SIZE, SIZE, 1)), "float32")

    def factors(self, numbers: np.ndarray) -> np.ndarray:
        """Return the factor classes [n, 6] of the images with these numbers [n], int64."""
        return np.stack(np.unravel_index(numbers, self.factor_sizes), axis=1)

    def index(self, factors: np.ndarray) -> np.ndarray:
        """Return the image numbers [n] of rows of factor classes [n, 6]."""
        return np.ravel_multi_index(tuple(np.asarray(factors).T), self.factor_sizes)


def load(folder: Path, say: Callable[[str], None] = print) -> DSprites:
    """Load dSprites from the official file in `folder`, else from the cache there, else render it.

    Args:
        folder: Created for the cache if it does not exist.
        say: Called with lines for the user, e.g. which file is used.

    Raises:
        UserError: The official file is damaged or is not dSprites.
    """
    return load_first([Path(folder)], say)


def load_first(
    folders: list[Path], say: Callable[[str], None] = print, renders: bool = True
) -> DSprites:
    """Load dSprites from the first folder that holds it; rendered images are cached in the last.

    Args:
        folders: The folders.
        say: Called with lines for the user.
        renders: Whether to render the images if they are absent or damaged; else raise UserError.
    """
    return _load(_find(folders), folders, say, renders)


def _load(path: Path, folders: list[Path], say: Callable[[str], None], renders: bool) -> DSprites:
    """Load the file that `_find` returned for these folders; see `load_first`."""
    if path.name != OFFICIAL_FILE:
        for other in sorted(file for each in folders for file in each.glob("*dsprites*.npz")):
            say(f"note: {other} is ignored; the official file is named {OFFICIAL_FILE}")
    bits = read_official(path) if path.name == OFFICIAL_FILE else _read_cache(path)
    if path.name == CACHE_FILE and (bits is None or not _is_dsprites(bits)):
        if not renders:
            raise _unusable(path)
        return DSprites(_render(path, folders, say))
    say(f"dSprites from {path}")
    return DSprites(bits)


def _find(folders: list[Path]) -> Path:
    """Return the file in the first folder that holds one; else the cache's path in the last."""
    for folder in folders:
        if (folder / OFFICIAL_FILE).exists():
            return folder / OFFICIAL_FILE
        if _read_cache(folder / CACHE_FILE) is not None:
            return folder / CACHE_FILE
    return folders[-1] / CACHE_FILE


def _render(cache: Path, folders: list[Path], say: Callable[[str], None]) -> np.ndarray:
    """Render the images and cache them; a damaged cache is kept under another name."""
    why = f"no {OFFICIAL_FILE} in {location.listed(folders)}"
    if cache.exists():
        why = f"{cache} is damaged"
    say(f"dSprites: {why}; rendering the same 737,280 images now (cached in {cache})")
    bits = render()
    try:
        if cache.exists():
            say(f"note: the damaged file is now {keep_old(cache)}; it can be deleted")
        with atomic_path(cache) as temporary:
            np.save(temporary, bits)
    except UserError as error:
        say(f"note: could not cache dSprites: {error}")
    return bits


def read_official(path: Path) -> np.ndarray:
    """Read a file in the official format piece by piece, but not its metadata, a pickle.

    Returns:
        The packed images, uint8 [737280, 512].

    Raises:
        UserError: The arrays imgs and latents_classes do not have the official shapes, types and
            order, or the file is damaged.
    """
    advice = "move it away (the images will be rendered instead) or download it again"
    with npz.open_npz(path, advice) as archive:
        _check_classes(archive)
        return _pack(archive)


def write_official(
    path: Path,
    bits: np.ndarray,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write imgs, latents_values and latents_classes in the official format, without metadata.

    Args:
        path: The npz file to write.
        bits: The packed images, uint8 [737280, 512].
        progress: Called with (images written, images in all).
    """
    indices = np.arange(NUM_IMAGES)
    classes = np.stack(np.unravel_index(indices, FACTOR_SIZES), axis=1)
    values = np.stack([v[c] for v, c in zip(FACTOR_VALUES, classes.T, strict=True)], axis=1)
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        with npz.create_array(archive, "imgs", (NUM_IMAGES, SIZE, SIZE), np.uint8) as file:
            for start in range(0, NUM_IMAGES, _CHUNK):
                file.write(np.unpackbits(bits[start : start + _CHUNK], axis=1).tobytes())
                progress(min(start + _CHUNK, NUM_IMAGES), NUM_IMAGES)
        npz.add_array(archive, "latents_values", values)
        npz.add_array(archive, "latents_classes", classes)


def _check(array, shape, dtype):
    if array.shape != shape or array.dtype != dtype:
        raise UserError(
            f"{array.path}: array '{array.name}' is {array.dtype} {array.shape}, but dSprites has "
            f"{np.dtype(dtype)} {shape}: move the file away (the images will be rendered instead)"
        )


def _check_classes(archive):
    with npz.open_array(archive, "latents_classes") as array:
        _check(array, (NUM_IMAGES, len(FACTOR_SIZES)), np.int64)
        classes = array.read(NUM_IMAGES)
    expected = np.unravel_index(np.arange(NUM_IMAGES), FACTOR_SIZES)
    if not all(
        np.array_equal(column, want) for column, want in zip(classes.T, expected, strict=True)
    ):
        raise UserError(
            f"{archive.filename}: latents_classes are not in dSprites' order: is this a subset?"
        )


def _pack(archive):
    bits = np.empty((NUM_IMAGES, SIZE * SIZE // 8), np.uint8)
    with npz.open_array(archive, "imgs") as array:
        _check(array, (NUM_IMAGES, SIZE, SIZE), np.uint8)
        for start, chunk in array.chunks(_CHUNK):
            if chunk.max() > 1:
                raise UserError(
                    f"{array.path}: 'imgs' holds values over 1, but dSprites has only 0 and 1"
                )
            bits[start : start + len(chunk)] = np.packbits(chunk.reshape(len(chunk), -1), axis=1)
    return bits


def _read_cache(path):
    try:
        bits = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # absent or damaged
    return bits if bits.shape == (NUM_IMAGES, SIZE * SIZE // 8) and bits.dtype == np.uint8 else None


def _is_dsprites(bits: np.ndarray) -> bool:
    """Whether packed images are those of dSprites, by a sample; a single byte may yet differ."""
    return zlib.crc32(bits[::_CHECKED].tobytes()) == _CHECKSUM


def _unusable(path: Path) -> UserError:
    """Return the error for what `_find` returned in a folder that the user names."""
    if not path.exists():
        return UserError(
            f"no dSprites in {path.parent}, which data_dir names: put {OFFICIAL_FILE} there, or "
            "leave data_dir out to have the images rendered"
        )
    return UserError(
        f"{path} is damaged, or not dSprites: copy it again, put {OFFICIAL_FILE} there instead, or "
        "leave data_dir out to have the images rendered"
    )


def find(config: TrainingConfig, experiment: Path) -> Path:
    """Return the file that `load_for` reads, or writes if there is none.

    Raises:
        UserError: The config names a folder that holds no dSprites, or a cache that cannot be read.
            Only `load_for` looks at its images.
    """
    path = _find(data_folders(experiment, config.data_dir))
    usable = path.name == OFFICIAL_FILE or _read_cache(path) is not None
    if config.data_dir is not None and not usable:
        raise _unusable(path)
    return path


def load_for(
    config: TrainingConfig, experiment: Path, say: Callable[[str], None] = print
) -> DSprites:
    """Load dSprites for a run of the experiment in this folder; see `find` and `load_first`.

    Nothing is written in a folder that the config names.
    """
    folders = data_folders(experiment, config.data_dir)
    return _load(find(config, experiment), folders, say, renders=config.data_dir is None)


def data_folders(experiment: Path, data_dir: str | Path | None = None) -> list[Path]:
    """Return the folders that an experiment searches for dSprites; see `location.searched`."""
    return location.searched(experiment, data_dir, "dSprites")


def classifier_path(experiment: Path) -> Path:
    """Return the path of the shape classifier to use; it may not exist.

    One that the user has trained (see `trained_classifier_path`) takes precedence over the
    published one in results/, beside the experiments.
    """
    trained = trained_classifier_path(experiment)
    published = Path(experiment).resolve().parent / "results" / "shape_classifier" / _CLASSIFIER
    return published if published.exists() and not trained.exists() else trained


def trained_classifier_path(experiment: Path) -> Path:
    """Return the path of the shape classifier that the user trains.

    It is in data/dSprites beside the experiments, which share it, unless the experiment's own
    data/dSprites holds one.
    """
    own, shared = (folder / _CLASSIFIER for folder in data_folders(experiment))
    return own if own.exists() else shared
