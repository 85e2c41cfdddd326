"""The shape classifier's part in the metrics of the dSprites experiments; light to import."""

from pathlib import Path

from disentanglement.files import fingerprint
from disentanglement.metrics.evaluation import Extra
from disentanglement.metrics.sample_quality import sample_quality
from disentanglement.streams import stream

SAMPLES = 50_000  # generated images that it judges


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
