"""Judges of generated images: what they give to metrics beside codes; light to import.

On dSprites the shape classifier; elsewhere a random network.
"""

from pathlib import Path

from disentanglement.files import fingerprint
from disentanglement.metrics.evaluation import Extra
from disentanglement.metrics.sample_quality import sample_quality
from disentanglement.streams import stream

SAMPLES = 50_000  # generated images that the classifier judges
FEATURES = 10_000  # generated images that the random network describes, at most


class Judge:
    """classifier: its file, which need not exist."""

    def __init__(self, classifier: Path):
        self.classifier = classifier

    def available(self, metrics: dict, say=print) -> dict:
        """Those of `metrics` that can run: sample quality needs the classifier."""
        if self.classifier.exists() or sample_quality not in metrics.values():
            return metrics
        say(
            f"note: sample_quality is left out: there is no {self.classifier} "
            "(gan/train_DSpritesInceptionScore.py makes it)"
        )
        return {name: metric for name, metric in metrics.items() if metric is not sample_quality}

    def extra_arrays(self, model, config, dataset=None) -> dict[str, Extra]:
        """The classifier's view of generated images, as metrics take it."""
        if not self.classifier.exists():
            return {}

        def judge():
            from disentanglement import shape_classifier  # takes seconds

            z = model.latent.sample(stream(config.run, "sample quality"), SAMPLES)
            return shape_classifier.judge(self.classifier, model.generate, z)

        about = {"classifier": fingerprint(self.classifier), "samples": SAMPLES}
        return {"shape_probabilities": Extra(judge, about)}


def random_features(model, config, dataset) -> dict[str, Extra]:
    """What the random network sees in generated images and in twice as many training images.

    10,000 generated ones, or half as many as the data set has, if that is less. For pictures in
    [-1, 1].
    """
    n = min(FEATURES, len(dataset) // 2)
    if n < 2:
        return {}

    def describe(images_of, numbers):
        from disentanglement import random_network  # takes seconds

        return random_network.describe(images_of, numbers, dataset.image_shape)

    def generated():
        rng = stream(config.run, "generated for features")
        return describe(model.generate, model.latent.sample(rng, n))

    def training():
        rng = stream(config.run, "training images for features")
        return describe(dataset.images, rng.choice(len(dataset), 2 * n, replace=False))

    return {
        "generated_features": Extra(generated, {"samples": n}),
        "training_features": Extra(training, {"samples": 2 * n}),
    }
