"""Your own images, each with the values of its factors: a data set for the metrics."""

from collections.abc import Sequence

import numpy as np

from disentanglement.binning import BINS, equal_width_bins
from disentanglement.data.dataset import MetricImages
from disentanglement.errors import UserError
from disentanglement.wording import counted

_SHARE = 10  # the reference and the sample are a tenth of the data set each ...
_AT_LEAST = 10_000  # ... but at least this many images, or all of them
_NAMED = 3  # values that a message lists
_PER_VALUE = 2  # how many images share a value, on average, where groups can be drawn


class LabelledImages:
    """Images with a table of factors, which need not be a full grid (`DrawsMetricImages`).

    Factors with a single value are left out. Of the F others, group i fixes factor i mod F at the
    value of a random image, and draws its images from those with that value, with replacement.
    Values that only one image has are not used for groups.

    Args:
        images: uint8 [N, H, W, C], which encoders see divided by 255, or floats, which they see
            as they are. A memory map is read in parts.
        factors: Numbers [N, F]: the factors of each image. Number categories 0, 1, ...
        factor_names: F names (default: factor_0, factor_1, ...).
        continuous: [F], whether each factor is a quantity (True) or a category (False); the
            default is quantities.
        bins: Cut each quantity with more values than that into bins of equal width, which then
            count as its values in groups and as its classes; None for no bins.
        groups: How many groups to draw.
        group_size: How many images each of them has.
        gaps: Whether NaN means that a factor of an image is unknown. Groups of the factor then
            leave the image out, and the sample holds only images whose factors are all known.

    Raises:
        UserError: The arrays do not fit together, no factor varies, or a factor has too many
            values for groups.
    """

    def __init__(
        self,
        images: np.ndarray,
        factors: np.ndarray,
        factor_names: Sequence[str] | None = None,
        continuous: Sequence[bool] | None = None,
        *,
        bins: int | None = None,
        groups: int = 500,
        group_size: int = 100,
        gaps: bool = False,
    ):
        factors = _checked(images, factors, gaps)
        count = factors.shape[1]
        names = [f"factor_{i}" for i in range(count)] if factor_names is None else factor_names
        kinds = [True] * count if continuous is None else continuous
        for what, values in (("factor_names", names), ("continuous", kinds)):
            if len(values) != count:
                entries = counted(len(values), "entry", "entries")
                raise UserError(f"{what}: {entries} for {counted(count, 'factor')}")
        varying = [i for i in range(count) if len(np.unique(_known(factors[:, i]))) > 1]
        if not varying:
            raise UserError("factors: none of them varies, so there is nothing to score")
        self.pixels, self.factors = images, factors[:, varying]
        self.factor_names = [str(names[i]) for i in varying]
        self.continuous = np.array([bool(kinds[i]) for i in varying])
        self.groups, self.group_size = groups, group_size
        columns = zip(self.factor_names, self.factors.T, self.continuous, strict=True)
        classes = [_classes(name, column, kind, bins) for name, column, kind in columns]
        self.classes = np.stack(classes, axis=1)

    def __len__(self) -> int:
        return len(self.pixels)

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """Return the images [n, H, W, C] with these numbers [n], float32."""
        images = np.asarray(self.pixels[numbers])
        return images.astype(np.float32) / (255 if images.dtype == np.uint8 else 1)

    def factor_table(self) -> tuple[np.ndarray, Sequence[str]]:
        """Return the classes of all images' factors, [N, F], and F names; -1 is unknown."""
        return self.classes, self.factor_names

    def draw_images(self, rng: np.random.Generator) -> MetricImages:
        """Draw groups, and a tenth of the images (or 10,000) for the reference and the sample."""
        labels = np.arange(self.groups) % len(self.factor_names)
        group = np.stack([self._draw_group(rng, int(label)) for label in labels])
        reference = rng.choice(len(self), share_of(len(self)), replace=False)
        found: MetricImages = {"group": group, "group_labels": labels, "reference": reference}
        found["factor_names"] = self.factor_names
        complete = np.flatnonzero((self.classes >= 0).all(axis=1))
        if not len(complete):
            return found
        sample = rng.choice(complete, share_of(len(complete)), replace=False)
        return found | {
            "sample": sample,
            "factors": self.factors[sample],
            "factor_ids": self.classes[sample],
            "continuous": self.continuous,
        }

    def lonely_values(self) -> list[str]:
        """Return a line for each factor with values that only one image has."""
        lines = []
        for name, column, classes in zip(
            self.factor_names, self.factors.T, self.classes.T, strict=True
        ):
            known = classes >= 0
            lonely = np.flatnonzero(np.bincount(classes[known]) == 1)
            values = [f"{column[classes == each][0]:g}" for each in lonely[:_NAMED]]
            if more := len(lonely) - len(values):
                values.append(f"{more} more")
            if values:
                lines.append(
                    f"factor '{name}': too few images (one each) near or at {', '.join(values)}: "
                    "no group shares them"
                )
        return lines

    def _draw_group(self, rng: np.random.Generator, factor: int) -> np.ndarray:
        """Return the numbers of images that share a value of the factor."""
        classes = self.classes[:, factor]
        shared = np.flatnonzero((classes >= 0) & (_occurrences(classes) > 1))
        value = classes[rng.choice(shared)]
        return rng.choice(np.flatnonzero(classes == value), self.group_size)


def share_of(n: int) -> int:
    """Return how many of n images are drawn for the reference or the sample."""
    return min(n, max(n // _SHARE, _AT_LEAST))


def unusable(
    name: str, values: np.ndarray, continuous: bool, bins: int | None = None
) -> str | None:
    """Return why no groups can share a factor with these values [n], or None if they can."""
    values = _known(values)
    different = np.unique(values)
    if len(different) < 2:
        return f"factor '{name}' does not vary"
    if continuous and bins is not None and len(different) > bins:
        return None
    if len(values) >= _PER_VALUE * len(different):
        return None
    which = "all different" if len(different) == len(values) else "nearly all different"
    return f"factor '{name}': its {len(values):,} values are {which}, so too few images share one"


def _checked(images: np.ndarray, factors: np.ndarray, gaps: bool) -> np.ndarray:
    """Return the factors as an array of numbers. Raises UserError if they or the images are not."""
    factors = np.asarray(factors)
    if getattr(images, "ndim", 0) != 4 or not images.size:
        shape = getattr(images, "shape", type(images).__name__)
        raise UserError(f"images must be an array [N, H, W, C], not {shape}")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise UserError(f"images have dtype {images.dtype}: must be uint8 or floats")
    if factors.dtype.kind not in "biuf":
        raise UserError(
            f"factors have dtype {factors.dtype}: must be numbers (number categories 0, 1, ...)"
        )
    if factors.ndim != 2 or len(factors) != len(images):
        raise UserError(
            f"factors must be a table [N, F] with a row for each of the {len(images):,} images, "
            f"not {factors.shape}"
        )
    if not np.isfinite(factors[~np.isnan(factors)] if gaps else factors).all():
        raise UserError("factors hold NaN or infinite values: leave these images out")
    return factors


def _known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def _occurrences(classes: np.ndarray) -> np.ndarray:
    """Return how many images have the class of each image [n]; -1 is a class, too."""
    return np.bincount(classes + 1)[classes + 1]


def _classes(name: str, values: np.ndarray, continuous: bool, bins: int | None) -> np.ndarray:
    """Return the class of each of a factor's values [n], integers from 0; -1 where unknown."""
    if why := unusable(name, values, continuous, bins):
        advice = (
            f"give bins={BINS}, and groups will share a bin instead of a value"
            if continuous and bins is None
            else "leave it out"
            if continuous
            else "leave it out, or declare it continuous and give bins="
        )
        raise UserError(f"{why}: {advice}")
    known, classes = ~np.isnan(values), np.full(len(values), -1)
    different, found = np.unique(values[known], return_inverse=True)
    if continuous and bins is not None and len(different) > bins:
        found = equal_width_bins(values[known], bins)
    classes[known] = found
    return classes
