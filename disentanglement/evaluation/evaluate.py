"""Scoring an encoder on a data set: choose the images of the protocol, encode each once, score.

`encode` is any function from images [n, H, W, C] to codes [n, K]; metrics never see a model.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from disentanglement.config import nearest
from disentanglement.data import factors
from disentanglement.data.dataset import (
    Dataset,
    DrawsMetricImages,
    FactorGrid,
    ImageSource,
    MetricImages,
)
from disentanglement.errors import UserError
from disentanglement.evaluation.computed_arrays import ComputedArray
from disentanglement.evaluation.scorecard import Scorecard
from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.metric import Metric
from disentanglement.metrics.result import Result
from disentanglement.metrics.suite import METRICS
from disentanglement.streams import stream

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

log = logging.getLogger(__name__)

GROUPS, GROUP_SIZE = 500, 100
SHARE = 10  # one in ten images is a reference image; as many have known factors
_CHUNK = 4096  # images held at a time


def evaluate(
    encode: Callable[[np.ndarray], np.ndarray],
    dataset: ImageSource,
    metrics: Mapping[str, Callable] | Iterable[str] = METRICS,
    *,
    seed: int = 0,
    path: Path | None = None,
    model: Mapping[str, Any] | None = None,
    computed: Mapping[str, ComputedArray] | None = None,
) -> dict[str, Any]:
    """Score an encoder by the paper's protocol and return the record, a JSON value.

    With `path`, the record is saved there after every metric. A later call with the same seed,
    protocol and model computes only what is missing; a record of anything else is renamed and
    kept.

    Args:
        encode: Returns the codes [n, K] of images [n, H, W, C], n up to 4096.
        dataset: See `draw_images`; the folders of data/ have ready ones.
        metrics: Name -> metric, or names in `suite.METRICS` (default: all of them).
        seed: For the choice of images and for the metrics' learners.
        path: Where to keep the record.
        model: What the record says of the model, any JSON object. `disentanglement.table` labels
            rows by its `name` and averages over its `run`.
        computed: Arrays that cannot be encoded, by name; computed only if a metric takes them.

    Returns:
        record["scores"] holds every score by name; record["metrics"] the evidence and the seconds
        behind it; record["skipped"] the metrics that could not run, and why.

    Raises:
        UserError: The codes are unusable for every metric, or a name or seed is wrong.
    """
    metrics = chosen(metrics)
    if seed < 0:
        raise UserError(f"seed {seed}: must be 0 or more")
    images = draw_images(dataset, metric_stream(seed))
    card = Scorecard(
        path, {"seed": seed, "protocol": _protocol(dataset, images), "model": dict(model or {})}
    )
    todo = card.todo(metrics)
    if todo:
        arrays, about, encoding_seconds = make_arrays(todo, encode, dataset, images, computed or {})
        card.begin(encoding_seconds)
        score_into(card, todo, arrays, seed, about)
    return card.record


class TrainingScores:
    """Scores a model as it is now, on the same images at every call: a row of metric.csv."""

    def __init__(
        self,
        model: "Model",
        dataset: Dataset,
        metrics: Mapping[str, Callable],
        computed: Mapping[str, ComputedArray] | None = None,
    ):
        self.model, self.dataset = model, dataset
        self.metrics, self.computed = dict(metrics), computed or {}
        self._images: MetricImages | None = None

    def __call__(self) -> dict[str, float]:
        """Return the scores by their full names; {} if there are no metrics."""
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
                log.warning("%s: %d codes do not vary at all", name, dead)
        scores = {k: v for name, result in results.items() for k, v in result.scores(name).items()}
        log.info("scores: %s", ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))
        return scores


def make_arrays(
    metrics: Mapping[str, Callable],
    encode: Callable[[np.ndarray], np.ndarray],
    dataset: ImageSource,
    images: MetricImages,
    computed: Mapping[str, ComputedArray],
) -> tuple[dict[str, np.ndarray], dict[str, dict], float]:
    """Make the arrays that these metrics take, and no others.

    Returns:
        The arrays by name; where the computed ones come from and the seconds they took; the
        seconds of encoding.
    """
    needed = {array for metric in metrics.values() for array in _metric(metric).arrays}
    start = time.perf_counter()
    arrays = encode_images(encode, dataset, images, needed)
    encoding_seconds = time.perf_counter() - start
    about = {}
    for name in [name for name in computed if name in needed]:
        start = time.perf_counter()
        arrays[name] = computed[name].compute()
        about[name] = {**computed[name].about, "seconds": round(time.perf_counter() - start, 3)}
    return arrays, about, encoding_seconds


def chosen(metrics: Mapping[str, Callable] | Iterable[str]) -> dict[str, Callable]:
    """Metrics by name, from a mapping or from names. Raises UserError for an unknown name."""
    if isinstance(metrics, Mapping):
        return dict(metrics)
    for name in metrics:
        if name not in METRICS:
            raise UserError(f"unknown metric '{name}'{nearest(name, METRICS)}")
    return {name: METRICS[name] for name in metrics}


def score_into(
    card: Scorecard,
    metrics: Mapping[str, Callable],
    arrays: Mapping[str, np.ndarray],
    seed: int,
    about: Mapping[str, dict] | None = None,
) -> None:
    """Run every metric whose arrays exist and enter it in `card`, with the reason for the others.

    about: where computed arrays come from, by name.

    Raises:
        UserError: An array is not what its name says.
    """
    about = about or {}
    try:
        check(**arrays)
    except ArrayError as error:
        raise UserError(str(error)) from error
    bar = tqdm(metrics.items(), unit=" metrics", disable=None, leave=False)
    for name, function in bar:
        bar.set_description(name)
        metric = _metric(function)
        if missing := [array for array in metric.arrays if array not in arrays]:
            card.skip(name, f"no array {' nor '.join(missing)}")
            continue
        start = time.perf_counter()
        try:
            result, unconverged = _compute(metric, arrays, seed)
        except ArrayError as error:
            card.skip(name, str(error))
        else:
            inputs = {array: about[array] for array in metric.arrays if array in about}
            card.add(name, result, time.perf_counter() - start, inputs, unconverged)


def score(
    metrics: Mapping[str, Callable], arrays: Mapping[str, np.ndarray], seed: int = 0
) -> dict[str, Result]:
    """Return each metric's result, by name. Raises UserError if its arrays do not fit."""
    results = {}
    for name, function in metrics.items():
        try:
            results[name], _ = _compute(_metric(function), arrays, seed)
        except ArrayError as error:
            raise UserError(f"metric {name}: {error}") from error
    return results


def metric_stream(seed: int) -> np.random.Generator:
    """Draws the images: those of a run are the same during training and at its end."""
    return stream(seed, "metric images")


def draw_images(
    dataset: ImageSource,
    rng: np.random.Generator,
    groups: int = GROUPS,
    group_size: int = GROUP_SIZE,
) -> MetricImages:
    """Choose the images that are encoded, by the paper's protocol.

    A data set that has a method `draw_images` chooses for itself (`DrawsMetricImages`). Of a full
    grid of factors (`FactorGrid`), `groups` groups of `group_size` images are drawn, and a tenth
    of the data set each for the reference and the sample; factors with a single value are left
    out.

    Raises:
        UserError: The data set is neither.
    """
    if isinstance(dataset, DrawsMetricImages):
        return dataset.draw_images(rng)
    if not isinstance(dataset, FactorGrid):
        raise UserError(
            f"{type(dataset).__name__} has neither draw_images nor a full grid of factors "
            "(docs/METRICS.md): its encoders cannot be scored"
        )
    rows, labels = factors.draw_groups(rng, dataset.factor_sizes, groups, group_size)
    group = dataset.index(rows.reshape(groups * group_size, -1)).reshape(groups, group_size)
    share = max(1, len(dataset) // SHARE)
    reference = rng.choice(len(dataset), share, replace=False)
    sample = factors.draw(rng, dataset.factor_sizes, share)
    varying = factors.varying(dataset.factor_sizes)
    values = [dataset.factor_values[i][sample[:, i]] for i in varying]
    return {
        "group": group,
        "group_labels": labels,
        "reference": reference,
        "sample": dataset.index(sample),
        "factors": np.stack(values, axis=1),
        "factor_ids": sample[:, varying],
        "continuous": np.array([dataset.continuous[i] for i in varying]),
        "factor_names": [dataset.factor_names[i] for i in varying],
    }


def encode_images(
    encode: Callable[[np.ndarray], np.ndarray],
    dataset: ImageSource,
    images: MetricImages,
    names: Iterable[str] = ("group_codes", "reference_codes", "codes"),
) -> dict[str, np.ndarray]:
    """Return the arrays of `disentanglement.metrics` for the images that `draw_images` chose.

    Only images that the arrays in `names` need are encoded, each once.
    """
    known: dict[str, Any] = dict(images)
    sets = {"group_codes": "group", "reference_codes": "reference", "codes": "sample"}
    wanted = {name: known[s] for name, s in sets.items() if name in names and s in known}
    labels = ("group_labels", "factors", "factor_ids", "continuous")
    return _encode_once(encode, dataset, wanted) | {
        name: known[name] for name in labels if name in known
    }


def _encode_once(encode, dataset, wanted):
    if not wanted:
        return {}
    numbers = np.concatenate([indices.ravel() for indices in wanted.values()])
    unique, places = np.unique(numbers, return_inverse=True)
    parts = []
    with tqdm(total=len(unique), unit=" images", desc="encoding", disable=None, leave=False) as bar:
        for chunk in np.array_split(unique, -(-len(unique) // _CHUNK)):
            parts.append(_encode_chunk(encode, dataset.images(chunk)))
            bar.update(len(chunk))
    if len({part.shape[1] for part in parts}) > 1:
        raise UserError("encode gave different numbers of codes for different images")
    codes = np.concatenate(parts)[places]
    ends = np.cumsum([indices.size for indices in wanted.values()])
    return {
        name: part.reshape(*indices.shape, -1)
        for (name, indices), part in zip(wanted.items(), np.split(codes, ends), strict=False)
    }


def _encode_chunk(encode, images):
    codes = np.asarray(encode(images))
    if codes.ndim != 2 or len(codes) != len(images):
        raise UserError(
            f"encode gave {codes.shape} for {len(images)} images: it must give [n, K] codes"
        )
    return codes


def _metric(function: Callable) -> Metric:
    try:
        return Metric.of(function)
    except ArrayError as error:
        raise UserError(str(error)) from error


def _compute(metric: Metric, arrays: Mapping[str, np.ndarray], seed: int) -> tuple[Result, int]:
    """Return the metric's result, and how many fits of its learners did not converge."""
    with warnings.catch_warnings(record=True) as caught:  # there can be hundreds
        warnings.simplefilter("always", ConvergenceWarning)
        result = metric.compute(arrays, seed)
    return result, sum(issubclass(w.category, ConvergenceWarning) for w in caught)


def _protocol(dataset, images):
    found = {"dataset": type(dataset).__name__, "images": len(dataset)}
    if "group" in images:
        found["groups"], found["group_size"] = images["group"].shape
    found |= {name: len(images[name]) for name in ("reference", "sample") if name in images}
    if "factor_names" in images:
        found["factors"] = list(images["factor_names"])
    return found
