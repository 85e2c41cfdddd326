"""Arrays that metrics take besides codes and factors.

Providers compute them: on dSprites with the shape classifier, on unlabelled images with a network
of random weights.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from disentanglement import records
from disentanglement.data.dataset import Dataset
from disentanglement.files import fingerprint
from disentanglement.streams import stream

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

SAMPLES = 50_000  # generated images that the classifier sees
_ACCURATE = 0.9  # a classifier below this accuracy says nothing about shapes
# What metrics take of the images' factors; a data set without them cannot give these.
LABEL_ARRAYS = ("group_codes", "group_labels", "codes", "factors", "factor_ids", "continuous")
FEATURES = 10_000  # generated images that the random network sees, at most


class ComputedArray(NamedTuple):
    """An array that is computed only if a metric takes it.

    Attributes:
        compute: Returns the array.
        source: Where it comes from, as JSON values, for the record.
    """

    compute: Callable[[], np.ndarray]
    source: dict[str, Any]


class ArrayProvider(Protocol):
    """Computes arrays from a model and a data set."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays, as in `disentanglement.metrics`."""

    def unavailable(self) -> str | None:
        """Return why the arrays cannot be computed here, in one line, or None if they can."""

    def arrays(self, model: "Model", dataset: Dataset) -> dict[str, ComputedArray]:
        """Return the arrays, by name."""


class ShapeProbabilities:
    """Provides the dSprites shape classifier's probabilities for 50,000 generated images.

    Args:
        classifier: The classifier's file. Without it, the array is unavailable.
    """

    names: tuple[str, ...] = ("shape_probabilities",)

    def __init__(self, classifier: Path):
        self.classifier = classifier

    def unavailable(self) -> str | None:
        if not self.classifier.exists():
            return (
                f"{self.classifier} does not exist; "
                "run gan/train_DSpritesInceptionScore.py to create it"
            )
        record = records.read(self.classifier.parent, f"{self.classifier.stem}.json")
        accuracy = record.get("accuracy", 1)
        if accuracy < _ACCURATE:
            return (
                f"{self.classifier} is right about {accuracy:.0%} of the images only; move it away "
                "and run gan/train_DSpritesInceptionScore.py again, e.g. with --seed 1"
            )
        return None

    def arrays(self, model: "Model", dataset: Dataset) -> dict[str, ComputedArray]:
        def classify() -> np.ndarray:
            from disentanglement.networks import shape_classifier  # takes seconds to import

            z = model.latent.sample(stream(model.config.run, "sample quality"), SAMPLES)
            return shape_classifier.classify(self.classifier, model.generate, z)

        source = {"classifier": fingerprint(self.classifier), "samples": SAMPLES}
        return {"shape_probabilities": ComputedArray(classify, source)}


class Missing:
    """Stands for arrays that a data set cannot give, and says why.

    Args:
        names: The arrays.
        why: One line.
    """

    def __init__(self, names: tuple[str, ...], why: str):
        self.names, self.why = names, why

    def unavailable(self) -> str | None:
        return self.why

    def arrays(self, model: "Model", dataset: Dataset) -> dict[str, ComputedArray]:
        return {}


class RandomFeatures:
    """Provides the features that a network of random weights finds in images.

    Covers 10,000 generated images (or half the data set, if smaller) and twice as many training
    images.

    Args:
        pixels: The values of a black and a white pixel; the network sees them as -1 and 1.
    """

    names: tuple[str, ...] = ("generated_features", "training_features")

    def __init__(self, pixels: tuple[float, float] = (-1, 1)):
        self.low, self.high = pixels

    def unavailable(self) -> str | None:
        return None

    def arrays(self, model: "Model", dataset: Dataset) -> dict[str, ComputedArray]:
        n, seed = min(FEATURES, len(dataset) // 2), model.config.run
        if n < 2:
            return {}

        def describe(images_of: Callable, numbers: np.ndarray) -> np.ndarray:
            from disentanglement.networks import random_network  # takes seconds to import

            if (self.low, self.high) == (-1, 1):
                return random_network.describe(images_of, numbers, dataset.image_shape)
            scale = 2 / (self.high - self.low)

            def scaled(chosen: np.ndarray) -> np.ndarray:
                return (images_of(chosen) - self.low) * scale - 1

            return random_network.describe(scaled, numbers, dataset.image_shape)

        def generated() -> np.ndarray:
            rng = stream(seed, "generated for features")
            return describe(model.generate, model.latent.sample(rng, n))

        def training() -> np.ndarray:
            rng = stream(seed, "training images for features")
            return describe(dataset.images, rng.choice(len(dataset), 2 * n, replace=False))

        return {
            "generated_features": ComputedArray(generated, {"samples": n}),
            "training_features": ComputedArray(training, {"samples": 2 * n}),
        }
