"""Draw images by their factors, as disentanglement_lib's and InfoMEC's protocols do.

The draws are from a table of factors: that of a data set, or that of codes in a file.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from disentanglement.data import factors
from disentanglement.data.dataset import (
    FactorGrid,
    HasFactorTable,
    ImageSource,
    MetricImages,
    name_of,
)
from disentanglement.errors import UserError
from disentanglement.evaluation.encoding import NUMBERS

# disentanglement_lib's sizes.
TRAIN, TEST, GROUP_SIZE, REFERENCE = 10_000, 5_000, 64, 10_000
# InfoMEC's.
SAMPLES = 10_000


@dataclass(frozen=True)
class FactorTable:
    """The factors of every image that can be drawn: of those whose factors are all known.

    Attributes:
        ids: [N, F], the classes of the factors.
        names: F names, if known.
        is_grid: Whether every combination of factors is there; images are then drawn with
            replacement, as disentanglement_lib draws factors.
        where: What the images are, for messages.
        numbers: [N], the images' numbers in the data set; None for 0 .. N - 1.
    """

    ids: np.ndarray
    names: tuple[str, ...] = ()
    is_grid: bool = False
    where: str = "the data set"
    numbers: np.ndarray | None = None

    @classmethod
    def of(cls, dataset: ImageSource) -> "FactorTable":
        """Return the table of a data set. Raises UserError if it has none."""
        if isinstance(dataset, FactorGrid):
            sizes, varying = dataset.factor_sizes, factors.varying(dataset.factor_sizes)
            grid = np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=1)
            ids = np.empty((len(grid), len(varying)), np.int64)
            ids[dataset.index(grid)] = grid[:, varying]
            names = tuple(dataset.factor_names[i] for i in varying)
            return cls(ids, names, is_grid=True)
        if isinstance(dataset, HasFactorTable):
            classes, factor_names = dataset.factor_table()
            known = np.flatnonzero((np.asarray(classes) >= 0).all(axis=1))
            return cls(np.asarray(classes)[known], tuple(factor_names), numbers=known)
        raise UserError(
            f"{name_of(dataset)} has no table of factors, which this protocol draws from: only "
            "--protocol paper can score it (see docs/PROTOCOLS.md)"
        )

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return the numbers of n random images."""
        return rng.choice(len(self.ids), n, replace=self.is_grid)

    def numbered(self, images: MetricImages) -> MetricImages:
        """Return what was drawn with rows of the table replaced by the images' numbers."""
        if self.numbers is None:
            return images
        known: dict[str, Any] = dict(images)
        found = {name: self.numbers[known[name]] for name in NUMBERS if name in known}
        return known | found  # type: ignore[return-value]

    def needs(self, protocol: str, count: int, what: str) -> None:
        """Raise UserError if there are fewer than `count` images to draw."""
        if len(self.ids) < count:
            raise UserError(
                f"--protocol {protocol} needs {count:,} samples with known factors ({what}), but "
                f"{self.where} has {len(self.ids):,}: take more, or --protocol paper"
            )

    def sharing(self, rng: np.random.Generator, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return, for each row and factor label, the number of a random image with its value.

        Args:
            rng: Makes the choices.
            rows: Numbers of images, [n].
            labels: The factors to share, [n].
        """
        found = np.empty_like(rows)
        for factor in range(self.ids.shape[1]):
            chosen = labels == factor
            column = self.ids[:, factor]
            order = np.argsort(column, kind="stable")  # the images of a value are consecutive
            in_order = column[order]
            values = column[rows[chosen]]
            first = np.searchsorted(in_order, values, "left")
            last = np.searchsorted(in_order, values, "right")
            found[chosen] = order[rng.integers(first, last)]
        return found


def draw_dlib(table: FactorTable, rng: np.random.Generator) -> MetricImages:
    """Draw disentanglement_lib's images.

    10,000 training and 5,000 test groups of 64 images that share a factor; as many points of 64
    pairs; 10,000 images for the variance; 10,000 training and 5,000 test points. Those metrics
    that take training and test points share them.

    Raises:
        UserError: There are too few images.
    """
    if not table.is_grid:
        what = f"{TRAIN:,} to train and {TEST:,} to test"
        table.needs("dlib", TRAIN + TEST, what)
    images: dict[str, Any] = {"reference": table.sample(rng, REFERENCE)}
    rows = table.sample(rng, TRAIN + TEST)
    for part, count, numbers in (("train", TRAIN, rows[:TRAIN]), ("test", TEST, rows[TRAIN:])):
        images[part], images[f"{part}_ids"] = numbers, table.ids[numbers]
        for what in ("group", "pair"):
            labels = rng.integers(table.ids.shape[1], size=count)
            first = rng.integers(len(table.ids), size=(count, 1 if what == "group" else GROUP_SIZE))
            first = np.broadcast_to(first, (count, GROUP_SIZE))
            shared = np.repeat(labels, GROUP_SIZE)
            numbers = table.sharing(rng, first.ravel(), shared).reshape(first.shape)
            both = numbers if what == "group" else np.stack([first, numbers], axis=2)
            images[f"{part}_{what}"], images[f"{part}_{what}_labels"] = both, labels
    if table.names:
        images["factor_names"] = table.names
    return images  # type: ignore[return-value]


def draw_infomec(table: FactorTable, rng: np.random.Generator) -> MetricImages:
    """Draw InfoMEC's 10,000 images, without replacement. Raises UserError if there are fewer."""
    table.needs("infomec", SAMPLES, "without replacement")
    rows = rng.choice(len(table.ids), SAMPLES, replace=False)
    images: MetricImages = {"sample": rows, "factor_ids": table.ids[rows]}
    if table.names:
        images["factor_names"] = table.names
    return images
