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


class RandomFeatures:
    """Provides the features that a network of random weights finds in images in [-1, 1].

    Covers 10,000 generated images (or half the data set, if smaller) and twice as many training
    images.
    """

    names: tuple[str, ...] = ("generated_features", "training_features")

    def unavailable(self) -> str | None:
        return None

    def arrays(self, model: "Model", dataset: Dataset) -> dict[str, ComputedArray]:
        n, seed = min(FEATURES, len(dataset) // 2), model.config.run
        if n < 2:
            return {}

        def describe(images_of: Callable, numbers: np.ndarray) -> np.ndarray:
            from disentanglement.networks import random_network  # takes seconds to import

            return random_network.describe(images_of, numbers, dataset.image_shape)

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
