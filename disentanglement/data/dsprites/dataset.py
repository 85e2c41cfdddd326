"""dSprites (Matthey et al. 2017): 737,280 images of one white shape, all combinations of 5 factors.

The official npz file is used where it lies; otherwise the images are drawn anew (the same, bit for
bit) and cached. In memory they stay packed, 1 bit a pixel (377 MB); batches are unpacked.
"""

import zipfile
from pathlib import Path

import numpy as np

from disentanglement.data import location, npz
from disentanglement.data.dsprites.render import (
    FACTOR_NAMES,
    FACTOR_SIZES,
    FACTOR_VALUES,
    SIZE,
    render,
)
from disentanglement.errors import UserError
from disentanglement.files import atomic_path

OFFICIAL_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
CACHE_FILE = "dsprites_regenerated_packed.npy"
NUM_IMAGES = int(np.prod(FACTOR_SIZES))
_CHUNK = 16384  # images handled at a time: 64 MB as bytes


class DSprites:
    """The data set. bits: all images, packed, uint8 [737280, 512].

    Images are numbered in the official order: factors row-major, posY fastest.
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

    def images(self, indices: np.ndarray) -> np.ndarray:
        """The images [n, 64, 64, 1] of these numbers, float32, 0 or 1."""
        pixels = np.unpackbits(self.bits[indices], axis=1)
        return pixels.reshape(-1, SIZE, SIZE, 1).astype(np.float32)

    @property
    def packed(self) -> np.ndarray:
        """What `unpack` takes, a row per image: uint8 [737280, 512]."""
        return self.bits

    def unpack(self, rows):
        """`images` in `keras.ops`, from rows of `packed`: 8 pixels a byte, highest bit first."""
        from keras import ops  # the data alone needs no Keras

        shifts = np.arange(7, -1, -1, dtype=np.int32)
        pixels = ops.right_shift(ops.cast(rows, "int32")[..., None], shifts) & 1
        return ops.cast(ops.reshape(pixels, (-1, SIZE, SIZE, 1)), "float32")

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """The factor classes [n, 6] of these numbers, int64."""
        return np.stack(np.unravel_index(indices, self.factor_sizes), axis=1)

    def index(self, factors: np.ndarray) -> np.ndarray:
        """The number [n] of the image with each row of factor classes [n, 6]."""
        return np.ravel_multi_index(tuple(np.asarray(factors).T), self.factor_sizes)


def load(folder: Path, say=print) -> DSprites:
    """dSprites from the official file in `folder`, or from the cache there, or drawn anew.

    say: called with one line where the data is not the official file. Raises UserError where the
    official file is damaged or is not dSprites.
    """
    folder = Path(folder)
    official, cache = folder / OFFICIAL_FILE, folder / CACHE_FILE
    if official.exists():
        return DSprites(read_official(official))
    for other in sorted(folder.glob("*dsprites*.npz")):
        say(f"note: {other} is ignored; the official file is named {OFFICIAL_FILE}")
    bits = _read_cache(cache)
    if bits is not None:
        return DSprites(bits)
    say(f"dSprites: no {official}; drawing the same 737,280 images now (cached in {cache})")
    bits = render()
    try:
        with atomic_path(cache) as temporary:
            np.save(temporary, bits)
    except UserError as error:
        say(f"note: dSprites is not cached: {error}")
    return DSprites(bits)


def read_official(path: Path) -> np.ndarray:
    """The packed images of a file in the official format, read in pieces.

    Its metadata, a pickle, is never touched. Raises UserError unless the arrays imgs and
    latents_classes have the official shapes, types and order.
    """
    advice = "move it away (the images are then drawn anew) or download it again"
    with npz.opened(path, advice) as archive:
        _check_classes(archive)
        return _pack(archive)


def write_official(path: Path, bits: np.ndarray, progress=lambda done, total: None) -> None:
    """Write packed images [737280, 512] as a file in the official format, without its pickle.

    Arrays imgs, latents_values, latents_classes. Streamed: images are unpacked piece by piece.
    """
    indices = np.arange(NUM_IMAGES)
    classes = np.stack(np.unravel_index(indices, FACTOR_SIZES), axis=1)
    values = np.stack([v[c] for v, c in zip(FACTOR_VALUES, classes.T, strict=True)], axis=1)
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        with npz.new_member(archive, "imgs", (NUM_IMAGES, SIZE, SIZE), np.uint8) as member:
            for start in range(0, NUM_IMAGES, _CHUNK):
                member.write(np.unpackbits(bits[start : start + _CHUNK], axis=1).tobytes())
                progress(min(start + _CHUNK, NUM_IMAGES), NUM_IMAGES)
        npz.add(archive, "latents_values", values)
        npz.add(archive, "latents_classes", classes)


def _check(member, shape, dtype):
    if member.shape != shape or member.dtype != dtype:
        raise UserError(
            f"{member.path}: array '{member.name}' is {member.dtype} {member.shape}, dSprites has "
            f"{np.dtype(dtype)} {shape}: move the file away (the images are then drawn anew)"
        )


def _check_classes(archive):
    with npz.member(archive, "latents_classes") as member:
        _check(member, (NUM_IMAGES, len(FACTOR_SIZES)), np.int64)
        classes = member.read(NUM_IMAGES)
    expected = np.unravel_index(np.arange(NUM_IMAGES), FACTOR_SIZES)
    if not all(
        np.array_equal(column, want) for column, want in zip(classes.T, expected, strict=True)
    ):
        raise UserError(
            f"{archive.filename}: latents_classes are not in dSprites' order: is it a subset?"
        )


def _pack(archive):
    bits = np.empty((NUM_IMAGES, SIZE * SIZE // 8), np.uint8)
    with npz.member(archive, "imgs") as member:
        _check(member, (NUM_IMAGES, SIZE, SIZE), np.uint8)
        for start, chunk in member.pieces(_CHUNK):
            if chunk.max() > 1:
                raise UserError(
                    f"{member.path}: 'imgs' holds values over 1: dSprites has 0 and 1 only"
                )
            bits[start : start + len(chunk)] = np.packbits(chunk.reshape(len(chunk), -1), axis=1)
    return bits


def _read_cache(path):
    try:
        bits = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # absent or damaged; it is ours, so it is simply made again
    return bits if bits.shape == (NUM_IMAGES, SIZE * SIZE // 8) and bits.dtype == np.uint8 else None


def load_for(config, experiment: Path, say=print) -> DSprites:
    """dSprites for a run of the experiment in this folder: see `load` and `data_folder`."""
    return load(data_folder(experiment, config.data_dir), say)


def data_folder(experiment: Path, data_dir: str | Path | None = None) -> Path:
    """The folder of dSprites: `data_dir` (from the experiment's folder), or data/dSprites."""
    return location.data_folder(experiment, data_dir, "dSprites")


def classifier_path(experiment: Path) -> Path:
    """Where the shape classifier is that all dSprites experiments share."""
    return data_folder(experiment) / "shape_classifier.keras"
