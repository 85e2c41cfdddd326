"""Images in memory as data sets to train on: without factors, with a table of them, or a grid."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from disentanglement.binning import BINS
from disentanglement.data.dataset import Dataset, MetricImages
from disentanglement.data.fit import ImageFormat, fit_all
from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.labelled import LabelledImages, share_of, unusable

Say = Callable[[str], None]


class ImageSet:
    """Images without factors.

    Args:
        name: What records and tables call it.
        pixels: uint8 [N, H, W, C]; may be a memory map.
        form: Whose range of values models see; the images must have its size and channels.
    """

    def __init__(self, name: str, pixels: np.ndarray, form: ImageFormat):
        self.name, self.pixels, self.form = name, pixels, form

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.pixels.shape[1:]
        return height, width, channels

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """Return the images [n, H, W, C] with these numbers [n], float32."""
        return self._in_range(np.asarray(self.pixels[numbers]).astype(np.float32))

    @property
    def packed(self) -> np.ndarray:
        """The images as bytes, uint8 [N, H, W, C]; see `unpack`."""
        return self.pixels

    def unpack(self, rows: Any) -> Any:
        """Return the images of rows of `packed`, computed with `keras.ops`."""
        from keras import ops  # the data alone needs no Keras

        return self._in_range(ops.cast(rows, "float32"))

    def _in_range(self, pixels: Any) -> Any:
        low, high = self.form.low, self.form.high
        return pixels / 255 if (low, high) == (0, 1) else pixels / 255 * (high - low) + low


class UnlabelledSet(ImageSet):
    """Images without factors (`DrawsMetricImages`): metrics can only look at a reference."""

    def draw_images(self, rng: np.random.Generator) -> MetricImages:
        """Draw a tenth of the images (or 10,000) as the reference."""
        n = len(self.pixels)
        return {"reference": rng.choice(n, share_of(n), replace=False)}


class TableSet(ImageSet):
    """Images with a table of factors, perhaps with gaps.

    It is a `DrawsMetricImages`, a `HasMetricData` and a `HasFactorTable`.
    """

    def __init__(self, name: str, labelled: LabelledImages, form: ImageFormat):
        super().__init__(name, labelled.pixels, form)
        self.labelled = labelled

    def draw_images(self, rng: np.random.Generator) -> MetricImages:
        """Draw groups, the reference and the sample; see `LabelledImages`."""
        return self.labelled.draw_images(rng)

    def factor_table(self) -> tuple[np.ndarray, Sequence[str]]:
        """Return the classes of all images' factors, [N, F], and the factors' names."""
        return self.labelled.factor_table()

    def metric_checksum(self) -> str:
        """Return a checksum of the factors, their names and kinds."""
        checksum = zlib.crc32(np.ascontiguousarray(self.labelled.factors, np.float64).tobytes())
        kinds = [*zip(self.labelled.factor_names, self.labelled.continuous.tolist(), strict=True)]
        return f"{zlib.crc32(repr(kinds).encode(), checksum):08x}"


class GridSet(ImageSet):
    """Images of every combination of their factors, once each (`FactorGrid`).

    They are numbered in row-major order: the last factor changes fastest.
    """

    def __init__(self, arrays: ImageArrays, pixels: np.ndarray, form: ImageFormat):
        super().__init__(arrays.name, pixels, form)
        assert arrays.factor_sizes is not None
        self.factor_names, self.factor_sizes = arrays.factor_names, arrays.factor_sizes
        self.factor_values = [np.arange(float(size)) for size in arrays.factor_sizes]
        self.continuous = arrays.continuous

    def index(self, factors: np.ndarray) -> np.ndarray:
        """Return the image numbers [n] of rows of factor classes [n, F]."""
        return np.ravel_multi_index(tuple(np.asarray(factors).T), self.factor_sizes)


def dataset_of(arrays: ImageArrays, form: ImageFormat, say: Say) -> Dataset:
    """Return arrays as a data set for networks of this format.

    Args:
        arrays: The images, with what is known of their factors.
        form: Images of another size or other channels are converted.
        say: Called with lines for the user: conversions, factors that cannot be used and why, and
            values that too few images have.
    """
    pixels = fit_all(arrays.images, form, arrays.name, say)
    if arrays.factor_sizes is not None:
        return GridSet(arrays, pixels, form)
    usable, notes = usable_factors(arrays)
    for line in notes:
        say(f"note: {arrays.name}: {line}")
    if not usable or arrays.factors is None:
        return UnlabelledSet(arrays.name, pixels, form)
    labelled = LabelledImages(
        pixels,
        arrays.factors[:, usable],
        [arrays.factor_names[i] for i in usable],
        [arrays.continuous[i] for i in usable],
        bins=BINS,
        gaps=True,
    )
    for line in labelled.lonely_values():
        say(f"note: {arrays.name}: {line}")
    return TableSet(arrays.name, labelled, form)


def usable_factors(arrays: ImageArrays) -> tuple[list[int], list[str]]:
    """Return which factors of a table metrics can use, and a line on each of the others."""
    usable, notes = [], []
    if arrays.factors is None:
        return [], []
    for i, (name, kind) in enumerate(zip(arrays.factor_names, arrays.continuous, strict=True)):
        if why := unusable(name, arrays.factors[:, i], kind, BINS):
            notes.append(f"{why}: no metric uses it")
        else:
            usable.append(i)
    return usable, notes
