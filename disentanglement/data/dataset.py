"""What the library requires of a data set."""

from collections.abc import Sequence
from typing import Any, Protocol, TypedDict, runtime_checkable

import numpy as np


class MetricImages(TypedDict, total=False):
    """The numbers of the images that metrics use, and their labels.

    A data set leaves out what it does not have; metrics that need it are then skipped.

    Attributes:
        group: [M, L], M groups of L images; the images of a group share one factor.
        group_labels: [M], the factor that each group shares, 0 .. F - 1.
        reference: [N0], images drawn at random.
        sample: [N], images whose factors are known.
        factors: [N, F], the factors' values in the sample.
        factor_ids: [N, F], the same as integer classes.
        continuous: [F], whether a factor is a quantity (True) or a category (False).
        factor_names: F names.
        train, test: [N3] and [N4], images with known factors to fit to and to score on.
        train_ids, test_ids: [N3, F] and [N4, F], their factors as integer classes.
        train_group, test_group: Like `group`, with `train_group_labels`, `test_group_labels`.
        train_pair, test_pair: [P, L, 2], points of L pairs; the images of a pair share the factor
            in `train_pair_labels`, `test_pair_labels`.
    """

    group: np.ndarray
    group_labels: np.ndarray
    reference: np.ndarray
    sample: np.ndarray
    factors: np.ndarray
    factor_ids: np.ndarray
    continuous: np.ndarray
    factor_names: Sequence[str]
    train: np.ndarray
    test: np.ndarray
    train_ids: np.ndarray
    test_ids: np.ndarray
    train_group: np.ndarray
    test_group: np.ndarray
    train_group_labels: np.ndarray
    test_group_labels: np.ndarray
    train_pair: np.ndarray
    test_pair: np.ndarray
    train_pair_labels: np.ndarray
    test_pair_labels: np.ndarray


class ImageSource(Protocol):
    """Numbered images: all that evaluating an encoder needs."""

    def __len__(self) -> int:
        """The number of training images."""

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """Return the images [n, H, W, C] with these numbers [n], float32."""


class Dataset(ImageSource, Protocol):
    """A data set that a model can train on.

    Images stay packed in memory, a row per image, and are unpacked inside the compiled training
    step: a bit or a byte a pixel instead of four bytes.
    """

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""

    @property
    def packed(self) -> np.ndarray:
        """The training images, packed: [N, ...]."""

    def unpack(self, rows: Any) -> Any:
        """Return `images` of rows of `packed`, computed with `keras.ops`."""


def name_of(dataset: ImageSource) -> str:
    """Return the name of a data set in records: its own, if it has one, or that of its class."""
    name = getattr(dataset, "name", None)
    return name if isinstance(name, str) else type(dataset).__name__


@runtime_checkable
class DrawsMetricImages(Protocol):
    """A data set that chooses the images for the metrics itself."""

    def draw_images(self, rng: np.random.Generator) -> MetricImages:
        """Choose the images; equal generators give equal choices."""


@runtime_checkable
class HasMetricData(Protocol):
    """A data set that holds data for the metrics besides its training images."""

    def metric_checksum(self) -> str:
        """Return a checksum of all these data: images, factors and labels."""


@runtime_checkable
class HasFactorTable(Protocol):
    """A data set that knows the factors of every image, though it holds no full grid of them."""

    def factor_table(self) -> tuple[np.ndarray, Sequence[str]]:
        """Return the factors of all images as classes [N, F], -1 where unknown, and F names."""


@runtime_checkable
class FactorGrid(Protocol):
    """A data set that holds every combination of its factors exactly once."""

    @property
    def factor_names(self) -> Sequence[str]:
        """F names."""

    @property
    def factor_sizes(self) -> Sequence[int]:
        """How many values each factor takes: [F]."""

    @property
    def factor_values(self) -> Sequence[np.ndarray]:
        """The values of each factor: F arrays."""

    @property
    def continuous(self) -> Sequence[bool]:
        """Whether each factor is a quantity (True) or a category (False): [F]."""

    def index(self, factors: np.ndarray) -> np.ndarray:
        """Return the image numbers [n] of rows of factor classes [n, F]."""
