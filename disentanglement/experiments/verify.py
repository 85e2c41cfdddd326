"""reproduce --verify: compute published scores and pictures anew from the published weights."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from disentanglement import checksums, records
from disentanglement.data.dataset import Dataset
from disentanglement.errors import UserError
from disentanglement.evaluation import (
    evaluate,
    final_metrics,
    latent_trans,
    named_protocols,
    protocols,
)
from disentanglement.evaluation.protocols import PAPER
from disentanglement.evaluation.score_records import dataset_name
from disentanglement.experiments import pretrained
from disentanglement.experiments.pretrained import Pretrained, Published
from disentanglement.training import overlays, visualize

log = logging.getLogger(__name__)

TOLERANCE, FOREST_TOLERANCE = 1e-3, 0.02  # rounding can move a tree's splits
_SLOW = 60  # seconds; --fast leaves out what took longer
_PICTURES: dict[str, Callable[..., None]] = {  # how each published picture is drawn
    "traversal.png": visualize.draw_traversal,
    overlays.FILE: overlays.draw_shaded,
    f"{latent_trans.FOLDER}/{latent_trans.OVERVIEW}": latent_trans.draw_overview,
}
_PIXEL = 2  # of 255: the largest difference between two drawings of one traversal


@dataclass(frozen=True)
class Difference:
    """A published number or file that could not be confirmed.

    Attributes:
        what: The score, the picture or the file.
        text: How it differs, in a few words.
    """

    what: str
    text: str


def verify(results: Path, fast: bool = False, experiment: Path | None = None) -> int:
    """Verify every published model in a folder; return the number of models that differ.

    Prints a line for each model and each difference.

    Args:
        results: The folder; models are found as by `pretrained.published`.
        fast: Leave out metrics that took over a minute.
        experiment: The experiment's folder, if it is not one of this project's.

    Raises:
        UserError: There is no published model.
    """
    found = pretrained.published(results.resolve())
    if not found:
        raise UserError(f"{results}: no published model here (folders with run.json and weights/)")
    wrong = 0
    for name, place in found.items():
        start = time.monotonic()
        try:
            differences = list(_verify(place, fast, experiment))
        except UserError as error:
            differences = [Difference("cannot be verified", str(error))]
        seconds = time.monotonic() - start
        wrong += bool(differences)
        shown = name.lstrip("/") or place.folder.name  # where `results` is a run's own folder
        print(f"{shown}: {'DIFFERS' if differences else 'confirmed'} ({seconds:.0f} s)", flush=True)
        for difference in differences:
            print(f"  {difference.what}: {difference.text}", flush=True)
    print(f"{len(found) - wrong} of {len(found)} models confirmed")
    return wrong


def _verify(place: Published, fast: bool, experiment: Path | None) -> Iterator[Difference]:
    checksums.check_all(place.folder)
    model = pretrained.load(place.folder / place.snapshot, experiment)
    yield from _compare_records(model)
    if not model.score_record:
        raise UserError(f"{model.name}: was never scored")
    dataset = model.experiment.load(model.model.config, log.info)
    yield from _compare_scores(model, dataset, model.score_record, fast)
    for protocol in protocols.NAMES[1:]:
        name = final_metrics.file_name(model.model.config, place.snapshot, protocol)
        published = records.read(place.folder, name)
        if published and fast:  # encoding alone takes minutes
            print(f"  not computed: --protocol {protocol}")
        elif published:
            yield from _compare_scores(model, dataset, published, fast, protocol)
    if not place.snapshot:
        for name, draw in _PICTURES.items():
            if (picture := place.folder / name).exists():
                yield from _compare_picture(model, picture, draw)


def _compare_records(model: Pretrained) -> Iterator[Difference]:
    """Compare the numbers that a model's records hold more than once."""
    metrics = model.score_record.get("metrics", {}).values()
    if model.scores != {name: value for each in metrics for name, value in each["scores"].items()}:
        yield Difference("scores", "are not those of the metrics below them")
    if model.score_record.get("model", {}).get("batches") != model.batches:
        yield Difference("batches", f"{model.batches:,} according to the weights")
    if model.batches == model.record.get("batches"):
        for name, value in model.record.get("scores", {}).items():
            if abs(model.scores.get(name, np.nan) - value) > TOLERANCE:
                yield Difference(f"{name} in run.json", f"{value:.6g}")


def _compare_scores(
    model: Pretrained,
    dataset: Dataset,
    published: Mapping[str, Any],
    fast: bool,
    protocol: str = PAPER,
) -> Iterator[Difference]:
    metrics = model.experiment.metric_lists(model.model.config)
    if protocol == PAPER:
        available = metrics.available(metrics.final, log.info)
        computed = metrics.computed_arrays(model.model, dataset)
    else:
        available, computed = dict(named_protocols.named(protocol).metrics), {}
    chosen, left_out = {}, []
    for name, entry in published["metrics"].items():
        if name in available and not (fast and entry["seconds"] > _SLOW):
            chosen[name] = available[name]
        else:
            left_out.append(name)
    if left_out:
        print(f"  not computed: {', '.join(left_out)}")
    again = evaluate.evaluate(
        model.model.encode,
        dataset,
        chosen,
        protocol=protocol,
        seed=published["seed"],
        computed=computed,
    )
    if again["protocol"] != published["protocol"]:
        yield Difference("data", f"{again['protocol']}, published {published['protocol']}")
        return
    yield from compare(published, again, chosen)


def compare(
    published: Mapping[str, Any], again: Mapping[str, Any], metrics: Mapping[str, Any]
) -> Iterator[Difference]:
    """Yield the scores of these metrics in which two score records differ by too much."""
    for name in metrics:
        used = [_inputs(record["metrics"].get(name, {})) for record in (published, again)]
        if all(used) and used[0] != used[1]:
            yield Difference(name, f"cannot be compared: published with {used[0]}, here {used[1]}")
            continue
        trees = name.startswith(("dci_rf", "dlib.dci"))
        tolerance = FOREST_TOLERANCE if trees else TOLERANCE
        old, new = (
            record["metrics"].get(name, {}).get("scores", {}) for record in (published, again)
        )
        for score, value in old.items():
            now = new.get(score, np.nan)
            if not abs(now - value) <= tolerance * max(1, abs(value)):
                yield Difference(score, f"{now:.6g}, published {value:.6g}")


def _inputs(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a metric's computed arrays came from, such as a classifier's fingerprint."""
    return {
        array: {key: value for key, value in source.items() if key != "seconds"}
        for array, source in entry.get("inputs", {}).items()
    }


def _compare_picture(
    model: Pretrained, picture: Path, draw: Callable[..., None]
) -> Iterator[Difference]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / picture.name
        data = model.record.get("data", {}).get("dataset") or dataset_name(model.score_record)
        draw(path, model.model, model.batches, data)
        old, new = (np.asarray(Image.open(each).convert("RGB"), int) for each in (picture, path))
    if old.shape != new.shape:
        yield Difference(picture.name, f"{new.shape} pixels, published {old.shape}")
    elif (worst := np.abs(old - new).max()) > _PIXEL:
        yield Difference(picture.name, f"pixels differ by up to {worst} of 255")
