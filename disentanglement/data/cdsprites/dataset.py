"""CdSprites as a data set: read from the authors' npz file, or drawn in a moment.

The set came with a later version of the paper's code. It is small: 1,080 images, all combinations
of an angle and a radius.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from disentanglement.config import TrainingConfig
from disentanglement.data import factors, location, npz
from disentanglement.data.cdsprites.render import (
    FACTOR_NAMES,
    FACTOR_SIZES,
    FACTOR_VALUES,
    SIZE,
    render,
)
from disentanglement.data.dataset import MetricImages
from disentanglement.errors import UserError
from disentanglement.files import atomic_path

FILE = "cdsprites_ndarray_64x64.npz"  # as the authors' script names it
NUM_IMAGES = int(np.prod(FACTOR_SIZES))
# The protocol of the paper's code.
GROUPS, GROUP_SIZE, SHARE = 200, 25, 10


class CdSprites:
    """All 1,080 images, numbered row-major: the radius varies fastest (`FactorGrid`).

    Attributes:
        pixels: 0 or 1, uint8 [1080, 64, 64, 1].
    """

    factor_names = FACTOR_NAMES
    factor_sizes = FACTOR_SIZES
    factor_values = FACTOR_VALUES
    continuous = (True, True)
    image_shape = (SIZE, SIZE, 1)

    def __init__(self, pixels: np.ndarray):
        self.pixels = pixels.reshape(-1, *self.image_shape)

    def __len__(self) -> int:
        return NUM_IMAGES

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """Return the images [n, 64, 64, 1] with these numbers [n], float32, 0 or 1."""
        return self.pixels[numbers].astype(np.float32)

    @property
    def packed(self) -> np.ndarray:
        """The images, uint8 [1080, 64, 64, 1]; see `unpack`."""
        return self.pixels

    def unpack(self, rows: Any) -> Any:
        """Return the images of rows of `packed`, computed with `keras.ops`."""
        from keras import ops  # the data alone needs no Keras

        return ops.cast(rows, "float32")

    def index(self, factors: np.ndarray) -> np.ndarray:
        """Return the image numbers [n] of rows of factor classes [n, 2]."""
        return np.ravel_multi_index(tuple(np.asarray(factors).T), self.factor_sizes)

    def draw_images(self, rng: np.random.Generator) -> MetricImages:
        """Draw 200 groups of 25 images, and a tenth of all images for the rest."""
        return factors.draw_metric_images(self, rng, GROUPS, GROUP_SIZE, NUM_IMAGES // SHARE)


def find(config: TrainingConfig, experiment: Path) -> Path | None:
    """Return the file that `load_for` reads; None if the images are to be drawn.

    Raises:
        UserError: The config names a folder that holds no such file.
    """
    folders = location.searched(experiment, config.data_dir, "CdSprites")
    path = next((folder / FILE for folder in folders if (folder / FILE).exists()), None)
    if path is None and config.data_dir is not None:
        raise UserError(
            f"no {FILE} in {folders[0]}, which data_dir names: put it there, or leave data_dir out "
            "to have the images drawn"
        )
    return path


def load_for(
    config: TrainingConfig, experiment: Path, say: Callable[[str], None] = print
) -> CdSprites:
    """Load CdSprites for a run of the experiment in this folder, or draw it."""
    path = find(config, experiment)
    say(f"CdSprites {f'from {path}' if path else 'drawn now'}")
    return CdSprites(read(path) if path else render())


def read(path: Path) -> np.ndarray:
    """Read the images of a file: 0 or 1, uint8 [1080, 64, 64]. Its metadata stay unopened.

    Raises:
        UserError: The file is damaged or is not CdSprites.
    """
    advice = "move it away, and the images will be drawn instead"
    with npz.open_npz(path, advice) as archive:
        with npz.open_array(archive, "latents_values") as array:
            if array.shape != (NUM_IMAGES, len(FACTOR_SIZES)):
                raise UserError(
                    f"{path}: latents_values are {array.shape}, but CdSprites has "
                    f"({NUM_IMAGES}, {len(FACTOR_SIZES)}): {advice}"
                )
            if not np.allclose(array.read(NUM_IMAGES), latents_values()):
                raise UserError(f"{path}: latents_values are not in CdSprites' order: {advice}")
        with npz.open_array(archive, "imgs") as array:
            if array.shape != (NUM_IMAGES, SIZE, SIZE) or array.dtype.kind not in "bui":
                raise UserError(
                    f"{path}: imgs are {array.dtype} {array.shape}, but CdSprites has uint8 "
                    f"({NUM_IMAGES}, {SIZE}, {SIZE}): {advice}"
                )
            images = array.read(NUM_IMAGES)
    if images.min() < 0 or images.max() != 1:
        raise UserError(f"{path}: imgs hold other values than 0 and 1: {advice}")
    return images.astype(np.uint8)


def write(path: Path) -> None:
    """Draw the images and write imgs and latents_values, as the authors' script does."""
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        npz.add_array(archive, "imgs", render())
        npz.add_array(archive, "latents_values", latents_values())


def latents_values() -> np.ndarray:
    """Return the angle (radians) and the radius (pixels) of every image, [1080, 2]."""
    return np.stack(np.meshgrid(*FACTOR_VALUES, indexing="ij"), axis=-1).reshape(NUM_IMAGES, -1)
