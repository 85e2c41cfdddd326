"""Find the models that a latent explorer shows: published ones, and runs that are under way."""

import contextlib
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from disentanglement import records
from disentanglement.config import TrainingConfig, parse
from disentanglement.errors import UserError
from disentanglement.evaluation import final_metrics, score_records
from disentanglement.experiments import load as experiments
from disentanglement.experiments import pretrained
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.pretrained import Pretrained
from disentanglement.training import activity, checkpoint
from disentanglement.training.position import Plan

if TYPE_CHECKING:
    import keras

_GENERATOR, _ENCODER = "generator", "encoder"  # names in `Model.exports`
_SNAPSHOT = "global_id-"


@dataclass(frozen=True)
class Explored:
    """A model to explore.

    Attributes:
        trained: The model with its records.
        generator: Latents [N, latent.dim] -> images, in stock Keras layers.
        encoder: Images -> codes [N, latent.num_codes], likewise; None if there is none.
        means: Whether the encoder's codes are the means of distributions of codes.
        unfinished: What is to be said of a run that has not been trained to the end; else "".
    """

    trained: Pretrained
    generator: "keras.Model"
    encoder: "keras.Model | None"
    means: bool = False
    unfinished: str = ""


def find(name: str, given: Sequence[str] = (), results: Path = pretrained.RESULTS) -> Explored:
    """Load the model called `name`.

    Args:
        name: A run's folder, trained or under way; or what `pretrained.load` takes; or a record
            (.json) in such a folder. "/global_id-<n>" after a folder names a model that was kept
            during training.
        given: Experiments, by folder or name, for models whose files and path do not say theirs.
        results: The folder of results that published models are in.

    Raises:
        UserError: There is no such model, or it cannot be explored.
    """
    path = Path(name)
    if path.is_file():
        path = _of_record(path)
    folder, snapshot = path, ""
    if path.name.startswith(_SNAPSHOT):
        folder, snapshot = path.parent, path.name
    for run in (folder, folder.with_name(f"{folder.name},") if folder.name else folder):
        if (run / records.FILE).is_file() and not (run / "weights").is_dir():
            return _of_run(run, snapshot, given)
    if folder.is_dir() and not (folder / records.FILE).is_file():
        raise UserError(f"{path}: not a run's folder: there is no {records.FILE}{_inside(folder)}")
    try:
        return _explored(pretrained.load(str(path), None, results))
    except UserError:
        for experiment in given:
            with contextlib.suppress(UserError):
                return _explored(pretrained.load(str(path), experiment, results))
        raise


def _of_run(folder: Path, snapshot: str, given: Sequence[str]) -> Explored:
    """Load the model of a run that has not been published."""
    record, where = records.read(folder), folder / records.FILE
    if not isinstance(record.get("config"), dict):
        raise UserError(f"{where}: holds no config")
    ours = _experiment(folder, record["config"], given)
    config = parse(ours.schema, record["config"], str(where))
    saved = folder / "checkpoint" / snapshot / checkpoint.FILE
    exported = folder / f"{_GENERATOR}.keras"
    if not saved.exists() and (snapshot or not exported.exists()):
        raise UserError(
            f"{folder}: there is no generator yet (state: {_state(folder, record)}): no "
            f"{saved.relative_to(folder)}; train it with main.py"
        )
    model = ours.build(config)
    batches = record.get("batches", 0)
    if saved.exists():
        checkpoint.restore(saved, model)
        batches = checkpoint.load_meta(saved)["next_batch"]
    scores = _scores(folder, config, snapshot)
    trained = Pretrained(_name(folder, snapshot), ours, model, batches, record, scores)
    unfinished = "" if snapshot else _unfinished(folder, trained)
    if saved.exists():
        return _explored(trained, unfinished)
    networks = {name: _load_keras(folder / f"{name}.keras") for name in (_GENERATOR, _ENCODER)}
    return _explored(trained, unfinished, networks)


def _explored(
    trained: Pretrained,
    unfinished: str = "",
    networks: "Mapping[str, keras.Model | None] | None" = None,
) -> Explored:
    networks = networks or trained.model.exports()
    generator, encoder = networks.get(_GENERATOR), networks.get(_ENCODER)
    if generator is None:
        kind = type(trained.model).__name__
        raise UserError(f"{trained.name}: {kind} exports no generator, so nothing can be explored")
    means = encoder is not None and len(encoder.outputs) > 1
    if encoder is not None and means:
        import keras

        encoder = keras.Model(encoder.inputs[0], encoder.outputs[0], name=encoder.name)
    return Explored(trained, generator, encoder, means, unfinished)


def _unfinished(folder: Path, trained: Pretrained) -> str:
    """Return what is to be said of a run that has not been trained to the end; "" if it has."""
    record, config = trained.record, trained.model.config
    images = record.get("data", {}).get("images") or getattr(config, "generate", None)
    total = Plan.of(config, images or trained.experiment.num_images).total
    state = _state(folder, record)
    if state == "finished" and trained.batches >= total:
        return ""
    return f"Unfinished run ({state}): {trained.batches:,} of {total:,} batches."


def _state(folder: Path, record: dict) -> str:
    if found := activity.current(folder):
        return str(found.get("doing", "in use"))
    state = str(record.get("state", "new"))
    return "interrupted" if state == "training" else state


def _scores(folder: Path, config: TrainingConfig, snapshot: str) -> dict:
    """Return the scores of the model as it is now; {} if there are none."""
    file = folder / final_metrics.file_name(config, snapshot)
    record = records.read(folder, file.name)
    if record and not score_records.is_score_record(record):
        raise UserError(f"{file}: not a record of scores: move it away")
    return {} if record and score_records.is_stale(file, record) else record


def _experiment(folder: Path, config: dict, given: Sequence[str]) -> Experiment:
    """Return the experiment that a run is of.

    It is the one in whose folder the run lies, or whose name is in its path; else the first of
    those given that has the config's keys; else the only one that has them.
    """
    known = [path.name for path in experiments.folders()]
    for parent in folder.resolve().parents:
        with contextlib.suppress(UserError):
            return experiments.load(parent)
        if parent.name in known:
            return experiments.load(parent.name)
    for name in given:
        if _fits(experiments.load(name), config):
            return experiments.load(name)
    fitting = [name for name in known if _fits(experiments.load(name), config)]
    if len(fitting) == 1:
        return experiments.load(fitting[0])
    raise UserError(
        f"{folder}: which experiment is it of? Add --experiment, one of "
        f"{', '.join(fitting or known)}"
    )


def _fits(experiment: Experiment, config: dict) -> bool:
    try:
        parse(experiment.schema, config, "")
    except UserError:
        return False
    return True


def _load_keras(path: Path) -> "keras.Model | None":
    import keras

    if not path.exists():
        return None
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise UserError(f"{path}: cannot be read ({reason}): replace it with a copy") from error


def _of_record(path: Path) -> Path:
    """Return the folder that a record (.json) lies in, or the snapshot of the run that it is of."""
    if path.suffix != ".json":
        raise UserError(f"{path}: a file; name a run's folder, or a record (.json) in one")
    snapshot = re.search(rf"{_SNAPSHOT}\d+", path.stem)
    return path.parent / snapshot[0] if snapshot else path.parent


def _inside(folder: Path) -> str:
    """Return a hint which runs a folder holds, if any."""
    found = sorted(path.parent for path in folder.glob(f"*/{records.FILE}"))
    return f"; it holds runs: name one of them, e.g. {found[0]}" if found else ""


def _name(folder: Path, snapshot: str) -> str:
    """Return a run's name: its folder's, without the comma at the end or the path to it."""
    name = folder.resolve().name.removesuffix(",")
    return f"{name}/{snapshot}" if snapshot else name
