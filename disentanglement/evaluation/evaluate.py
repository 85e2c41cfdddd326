"""Score an encoder on a data set: choose the protocol's images, encode each once, run metrics.

An encoder is any function from images [n, H, W, C] to codes [n, K]; metrics never see a model.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from disentanglement import records
from disentanglement.data import factors
from disentanglement.data.dataset import (
    Dataset,
    DrawsMetricImages,
    FactorGrid,
    ImageSource,
    MetricImages,
    name_of,
)
from disentanglement.errors import UserError
from disentanglement.evaluation import fingerprints
from disentanglement.evaluation.computed_arrays import ComputedArray
from disentanglement.evaluation.encoding import Encoder, encode_images
from disentanglement.evaluation.named_protocols import PAPER, draw_and_describe, named
from disentanglement.evaluation.paper import GROUP_SIZE, GROUPS, SHARE
from disentanglement.evaluation.scorecard import Scorecard
from disentanglement.evaluation.scoring import metric_of, score, score_into
from disentanglement.metrics.metric import MetricFunction
from disentanglement.streams import stream
from disentanglement.wording import counted

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

log = logging.getLogger(__name__)


def evaluate(
    encode: Encoder,
    dataset: ImageSource,
    metrics: Mapping[str, MetricFunction] | Iterable[str] | None = None,
    *,
    protocol: str = PAPER,
    seed: int = 0,
    path: Path | None = None,
    model: Mapping[str, Any] | None = None,
    computed: Mapping[str, ComputedArray] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Score an encoder by a protocol and return the record, a JSON value.

    With `path`, the record is saved there after every metric. A later call with the same encoder,
    data set, seed and model computes only what is missing. The record holds the encoder's codes of
    a few images, by which another encoder is recognised. That cannot be done for an encoder that
    samples its codes: name such encoders in `model`.

    Args:
        encode: Returns the codes [n, K] of images [n, H, W, C], n up to 4096.
        dataset: See `draw_images`; the folders of data/ have ready ones.
        metrics: Name -> metric, or names of the protocol's metrics (default: all that it names).
        protocol: "paper" (InfoGAN-CR's), "dlib" (disentanglement_lib's) or "infomec"; see
            docs/PROTOCOLS.md. The names of scores of all but the paper's start with the protocol.
        seed: Seeds the choice of images and the metrics' learners; 0 or more.
        path: The file for the record.
        overwrite: Rename a record of something else at `path`, and any other file, and start anew.
        model: Describes the model in the record, any JSON object. `disentanglement.table` labels
            rows by its `name` and averages over its `run`.
        computed: Arrays that are not codes or factors, by name; computed only if a metric takes
            them.

    Returns:
        record["scores"] holds every score by name; record["metrics"] its evidence and the seconds
        it took; record["skipped"] the metrics that could not run, and why.

    Raises:
        UserError: The codes cannot be used, the data set cannot be scored, a metric's name, a
            metric's parameter or the seed is wrong, or `path` holds something else.
    """
    chosen = named(protocol)
    if isinstance(metrics, Mapping):
        metrics = {chosen.full_name(name): metric for name, metric in metrics.items()}
    else:
        metrics = chosen.chosen(metrics)
    if seed < 0:
        raise UserError(f"seed {seed}: must be 0 or more")
    if chosen.name == PAPER:
        images = draw_images(dataset, metric_stream(seed))
        about = describe(dataset, images)
    else:
        images, about = draw_and_describe(chosen, dataset, stream(seed, f"{protocol} images"))
    recorded = {} if path is None else records.read(Path(path).parent, Path(path).name)
    identity = {
        "seed": seed,
        "protocol": about,
        "model": dict(model or {}),
        "fingerprint": fingerprints.of(encode, dataset, recorded.get("fingerprint")),
    }
    card = Scorecard(path, identity, overwrite=overwrite)
    todo = card.todo(metrics)
    if todo:
        arrays, sources, encoding_seconds = make_arrays(
            todo, encode, dataset, images, computed or {}
        )
        card.begin(encoding_seconds)
        score_into(card, todo, arrays, seed, sources)
    return card.record


class TrainingScores:
    """Scores a model during training, on the same images at every call: a row of metric.csv.

    Args:
        model: Encodes the images; its config's `run` is the seed.
        dataset: What the model is trained on.
        metrics: Name -> metric.
        computed: See `evaluate`.
    """

    def __init__(
        self,
        model: "Model",
        dataset: Dataset,
        metrics: Mapping[str, MetricFunction],
        computed: Mapping[str, ComputedArray] | None = None,
    ):
        self.model, self.dataset = model, dataset
        self.metrics, self.computed = dict(metrics), computed or {}
        self._images: MetricImages | None = None

    def __call__(self) -> dict[str, float]:
        """Return the model's current scores by their full names; {} if there are no metrics."""
        if not self.metrics:
            return {}
        seed = self.model.config.run
        if self._images is None:
            self._images = draw_images(self.dataset, metric_stream(seed))
        arrays, *_ = make_arrays(
            self.metrics, self.model.encode, self.dataset, self._images, self.computed
        )
        results = score(self.metrics, arrays, seed)
        for name, result in results.items():
            if dead := getattr(result, "dead_codes", 0):
                which = counted(dead, "code does", "codes do")
                log.warning("%s: %s not vary at all", name, which)
        scores = {k: v for name, result in results.items() for k, v in result.scores(name).items()}
        log.info("scores: %s", ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))
        return scores


def make_arrays(
    metrics: Mapping[str, MetricFunction],
    encode: Encoder,
    dataset: ImageSource,
    images: MetricImages,
    computed: Mapping[str, ComputedArray],
) -> tuple[dict[str, np.ndarray], dict[str, dict], float]:
    """Encode and compute the arrays that these metrics take, and no others.

    Returns:
        The arrays by name; the source of each computed one, with the seconds it took; the seconds
        that encoding took.
    """
    needed = {array for metric in metrics.values() for array in metric_of(metric).arrays}
    start = time.perf_counter()
    arrays = encode_images(encode, dataset, images, needed)
    encoding_seconds = time.perf_counter() - start
    sources = {}
    for name in [name for name in computed if name in needed]:
        start = time.perf_counter()
        arrays[name] = computed[name].compute()
        sources[name] = {**computed[name].source, "seconds": round(time.perf_counter() - start, 3)}
    return arrays, sources, encoding_seconds


def metric_stream(seed: int) -> np.random.Generator:
    """Return the generator that draws a run's images, during training and after it."""
    return stream(seed, "metric images")


def draw_images(
    dataset: ImageSource,
    rng: np.random.Generator,
    groups: int = GROUPS,
    group_size: int = GROUP_SIZE,
) -> MetricImages:
    """Choose the images to encode, by the paper's protocol.

    A data set with a method `draw_images` (`DrawsMetricImages`) chooses them itself. From a full
    grid of factors (`FactorGrid`), draw groups of images that share one factor, and a tenth of the
    data set each for the reference and the sample; factors with a single value are left out.

    Args:
        dataset: A `DrawsMetricImages` or a `FactorGrid`.
        rng: Makes the choices.
        groups: The number of groups, M.
        group_size: The number of images in a group, L.

    Raises:
        UserError: The data set is neither.
    """
    if isinstance(dataset, DrawsMetricImages):
        return dataset.draw_images(rng)
    if not isinstance(dataset, FactorGrid):
        raise UserError(
            f"{type(dataset).__name__} cannot be used for scoring: it has neither a method "
            "draw_images nor a full grid of factors (see docs/METRICS.md)"
        )
    share = max(1, len(dataset) // SHARE)
    return factors.draw_metric_images(dataset, rng, groups, group_size, share)


def describe(dataset: ImageSource, images: MetricImages) -> dict[str, Any]:
    """Return what a record says about the data set and the images chosen from it."""
    found: dict[str, Any] = {"dataset": name_of(dataset), "images": len(dataset)}
    if "group" in images:
        found["groups"], found["group_size"] = images["group"].shape
    found |= {name: len(images[name]) for name in ("reference", "sample") if name in images}
    if "factor_names" in images:
        found["factors"] = list(images["factor_names"])
    return found
