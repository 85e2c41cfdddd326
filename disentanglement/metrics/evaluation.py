"""Scoring an encoder on a data set: draw the images of the protocol, encode each once, score.

`encode` is any function from images [n, H, W, C] to codes [n, K]; metrics never see a model.
"""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from disentanglement.config import nearest
from disentanglement.data import factors
from disentanglement.errors import UserError
from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.result import PlainResult, Result
from disentanglement.metrics.scorecard import Scorecard
from disentanglement.metrics.suite import METRICS, needed_arrays, takes_seed
from disentanglement.streams import stream

GROUPS, GROUP_SIZE = 500, 100
SHARE = 10  # one in ten images is a reference image; as many have known factors
_CHUNK = 4096


def evaluate(
    encode: Callable,
    dataset,
    metrics: Mapping[str, Callable] | Iterable[str] = METRICS,
    *,
    seed: int = 0,
    path: Path | None = None,
    model: Mapping[str, Any] | None = None,
    extra: Mapping[str, "Extra"] | None = None,
) -> dict[str, Any]:
    """Score an encoder by the paper's protocol; returns the record, a JSON value.

    encode: images [n, H, W, C] -> codes [n, K], n up to 4096. dataset: see `draw_images`; data/
    has ready ones. metrics: name -> metric, or names in `suite.METRICS`, whose all is the default.
    seed: of the choice of images and of the metrics' learners. model: what the record is to say of
    the model, any JSON object; `disentanglement.table` heads rows by its `name` and averages over
    its `run`. extra: arrays which cannot be encoded, by name; made if a metric needs them.

    With `path` the record is saved there after every metric. What an earlier call with the same
    seed, protocol and model left there is not computed again; a record of anything else is kept
    under another name. record["scores"] holds every score by name, record["metrics"] the evidence
    and the seconds behind it, record["skipped"] the metrics that could not run, and why. Raises
    UserError for codes that no metric can use.
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
        arrays, about, encoding_seconds = make_arrays(todo, encode, dataset, images, extra or {})
        card.begin(encoding_seconds)
        score_into(card, todo, arrays, seed, about)
    return card.record


class Extra(NamedTuple):
    """An array that is not made by encoding. about: where it comes from, for the record."""

    make: Callable[[], np.ndarray]
    about: dict[str, Any]


def make_arrays(
    metrics: Mapping[str, Callable],
    encode: Callable,
    dataset,
    images: Mapping[str, Any],
    extra: Mapping[str, Extra],
) -> tuple[dict[str, np.ndarray], dict[str, dict], float]:
    """What these metrics take, from `draw_images`' choice, and nothing that none of them needs.

    Returns the arrays; where the extra ones come from and the seconds they took; the seconds of
    encoding.
    """
    needed = {array for metric in metrics.values() for array in needed_arrays(metric)}
    start = time.perf_counter()
    arrays = encode_images(encode, dataset, images, needed)
    encoding_seconds, about = time.perf_counter() - start, {}
    for name in [name for name in extra if name in needed]:
        start = time.perf_counter()
        arrays[name] = extra[name].make()
        about[name] = {**extra[name].about, "seconds": round(time.perf_counter() - start, 3)}
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
    """Run every metric whose arrays are there and write it into `card`; name the others there.

    about: where arrays come from, by name. Raises UserError if an array is not what its name says.
    """
    try:
        check(**arrays)
    except ArrayError as error:
        raise UserError(str(error)) from error
    bar = tqdm(metrics.items(), unit=" metrics", disable=None, leave=False)
    for name, metric in bar:
        bar.set_description(name)
        if missing := [array for array in needed_arrays(metric) if array not in arrays]:
            card.skip(name, f"no array {' nor '.join(missing)}")
            continue
        start = time.perf_counter()
        try:
            result, warned = _call(metric, arrays, seed)
        except ArrayError as error:
            card.skip(name, str(error))
        else:
            inputs = {
                array: about[array] for array in needed_arrays(metric) if array in (about or {})
            }
            card.add(name, result, time.perf_counter() - start, inputs, warned)


def score(
    metrics: Mapping[str, Callable], arrays: Mapping[str, np.ndarray], seed: int = 0
) -> dict[str, Result]:
    """Each metric's result, by name. Raises UserError for arrays that a metric cannot use."""
    results = {}
    for name, metric in metrics.items():
        try:
            results[name], _ = _call(metric, arrays, seed)
        except ArrayError as error:
            raise UserError(f"metric {name}: {error}") from error
    return results


def metric_stream(seed: int) -> np.random.Generator:
    """Draws the images: those of a run are the same during training and at its end."""
    return stream(seed, "metric images")


def draw_images(
    dataset, rng: np.random.Generator, groups: int = GROUPS, group_size: int = GROUP_SIZE
) -> dict[str, Any]:
    """The paper's protocol: which images are encoded, and what is known of them.

    dataset has len() and `images(numbers [n]) -> [n, H, W, C]`. If its images are all combinations
    of factors it also has factor_sizes [F], factor_names, factor_values (F arrays), continuous
    (F bools) and `index(factor classes [n, F]) -> image numbers [n]`; another kind of data set
    chooses itself, in a method `draw_images(rng)`, which may leave out what it does not have.

    Returns the image numbers `group` [M, L], `reference` [N0] and `sample` [N], the `group_labels`
    [M] and, of the sample, `factors` and `factor_ids` [N, F]; also which factors are `continuous`
    [F], and `factor_names`. Of a grid only factors that vary are counted, and N0 = N are a tenth
    of it.
    """
    if hasattr(dataset, "draw_images"):
        return dataset.draw_images(rng)
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
    encode: Callable,
    dataset,
    images: Mapping[str, Any],
    names: Iterable[str] = ("group_codes", "reference_codes", "codes"),
) -> dict[str, np.ndarray]:
    """The arrays that the metrics take (see `disentanglement.metrics`), from `draw_images`' choice.

    Only images that the arrays in `names` need are encoded, each once.
    """
    sets = {"group_codes": "group", "reference_codes": "reference", "codes": "sample"}
    wanted = {name: images[s] for name, s in sets.items() if name in names and s in images}
    known = ("group_labels", "factors", "factor_ids", "continuous")
    return _encode_once(encode, dataset, wanted) | {
        name: images[name] for name in known if name in images
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


def _call(metric, arrays, seed):
    """The metric's result, and how many of its learners' fits did not converge."""
    given = {name: arrays[name] for name in needed_arrays(metric)}
    with warnings.catch_warnings(record=True) as caught:  # hundreds of lines otherwise
        warnings.simplefilter("always", ConvergenceWarning)
        result = metric(**given, **({"seed": seed} if takes_seed(metric) else {}))
    result = result if isinstance(result, Result) else PlainResult(float(result))
    return result, sum(issubclass(w.category, ConvergenceWarning) for w in caught)


def _protocol(dataset, images):
    found = {"dataset": type(dataset).__name__, "images": len(dataset)}
    if "group" in images:
        found["groups"], found["group_size"] = images["group"].shape
    found |= {name: len(images[name]) for name in ("reference", "sample") if name in images}
    if "factor_names" in images:
        found["factors"] = list(images["factor_names"])
    return found
