"""The metrics that run during training and at its end, for each data set of the paper."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from disentanglement.data.dataset import Dataset
from disentanglement.data.dsprites.dataset import classifier_path
from disentanglement.evaluation.computed_arrays import (
    LABEL_ARRAYS,
    ArrayProvider,
    ComputedArray,
    Missing,
    RandomFeatures,
    ShapeProbabilities,
)
from disentanglement.metrics.metric import Metric, MetricFunction
from disentanglement.metrics.suite import IMAGE_METRICS, METRICS

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

_TABLE_1_AND_MORE = {name: m for name, m in METRICS.items() if name != "sample_quality"}


@dataclass(frozen=True)
class MetricLists:
    """The metrics of an experiment. Change a list with `dataclasses.replace`.

    Attributes:
        training: Metrics that run during training, by name: the columns of metric.csv.
        final: Metrics that score the finished run, by name: final_metrics.json.
        providers: Compute the arrays that metrics take besides codes and factors.
    """

    training: Mapping[str, MetricFunction]
    final: Mapping[str, MetricFunction]
    providers: tuple[ArrayProvider, ...] = ()

    def available(
        self, metrics: Mapping[str, MetricFunction], say: Callable[[str], None] = print
    ) -> dict[str, MetricFunction]:
        """Return those of `metrics` whose arrays can be computed here.

        Args:
            metrics: Name -> metric.
            say: Called with a line for each reason to leave metrics out.
        """
        available = dict(metrics)
        for provider in self.providers:
            if why := provider.unavailable():
                names = [
                    name
                    for name in available
                    if set(Metric.of(metrics[name]).arrays) & set(provider.names)
                ]
                if names:
                    verb = "is" if len(names) == 1 else "are"
                    say(f"note: {', '.join(names)} {verb} left out: {why}")
                for name in names:
                    del available[name]
        return available

    def fitting(
        self, data: str, shapes: bool, labelled: bool, pixels: tuple[float, float]
    ) -> "MetricLists":
        """Return the lists for another data set than the experiment's own.

        Args:
            data: Its name, for messages.
            shapes: Whether it shows dSprites' shapes, which a classifier knows.
            labelled: Whether it has factors. Without them, the metrics that need none are joined
                by those that compare generated and training images.
            pixels: The values of a black and a white pixel, as models see them.
        """
        providers = list(self.providers)
        if not shapes:
            why = f"it is about dSprites' shapes, and the data are {data}"
            providers = [each for each in providers if not isinstance(each, ShapeProbabilities)]
            providers.append(Missing(ShapeProbabilities.names, why))
        if labelled:
            return MetricLists(self.training, self.final, tuple(providers))
        if not any(isinstance(each, RandomFeatures) for each in providers):
            providers.append(RandomFeatures(pixels))
        providers.append(Missing(LABEL_ARRAYS, f"{data} has no factors"))
        return MetricLists(self.training, {**self.final, **IMAGE_METRICS}, tuple(providers))

    def computed_arrays(self, model: "Model", dataset: Dataset) -> dict[str, ComputedArray]:
        """Return the arrays that the providers can compute here, by name."""
        arrays: dict[str, ComputedArray] = {}
        for provider in self.providers:
            if not provider.unavailable():
                arrays |= provider.arrays(model, dataset)
        return arrays


def dsprites(experiment: Path) -> MetricLists:
    """Return the paper's metrics on dSprites: three during training, all at the end.

    Args:
        experiment: The experiment's folder; the shape classifier is found in data/dSprites/ in it
            or beside it.
    """
    training = {name: METRICS[name] for name in ("factor_vae", "dhsic", "sample_quality")}
    shapes = ShapeProbabilities(classifier_path(experiment))
    return MetricLists(training, dict(METRICS), (shapes,))


def cdsprites() -> MetricLists:
    """Return the metrics on CdSprites: those of the paper's code during training, all at the end.

    The quality of dSprites' shapes is left out.
    """
    training = {name: METRICS[name] for name in ("factor_vae", "dhsic")}
    return MetricLists(training, _TABLE_1_AND_MORE)


def teapots() -> MetricLists:
    """Return the paper's metrics on 3D teapots: all but the quality of dSprites' shapes."""
    return MetricLists({"factor_vae": METRICS["factor_vae"]}, _TABLE_1_AND_MORE)


def unlabelled() -> MetricLists:
    """Return metrics of images without factors (CelebA): none during training, as in the paper."""
    final = IMAGE_METRICS | {"dhsic": METRICS["dhsic"]}
    return MetricLists({}, final, (RandomFeatures(),))
