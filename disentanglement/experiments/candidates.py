"""The trained models that are compared: runs of a grid, or published records with weights."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disentanglement import records
from disentanglement.config import TrainingConfig, model_keys
from disentanglement.errors import UserError
from disentanglement.evaluation import final_metrics
from disentanglement.evaluation.cross_scores import Candidate
from disentanglement.evaluation.generated_sets import SetSize
from disentanglement.experiments import pretrained
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.pretrained import Published
from disentanglement.experiments.runs import RunFolder
from disentanglement.files import fingerprint
from disentanglement.training import checkpoint
from disentanglement.wording import counted

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

_NETWORKS = ("generator", "discriminator", "encoder", "decoder")  # that codes or images come from


def of_run(experiment: Experiment, run: RunFolder) -> Candidate:
    """Return a trained run of a grid."""
    path, config = run.path / "checkpoint" / checkpoint.FILE, run.task.config
    known, record = fingerprint(path), run.record()

    def load() -> "Model":
        model = experiment.build(config)
        final_metrics.restore(path, model)
        if fingerprint(path) != known:
            raise UserError(
                f"{run.task.name} has been trained further in the meantime: run the command again"
            )
        return model

    scored = records.read(run.path, final_metrics.file_name(config))
    ours = records.part(scored, "model").get("checkpoint") == known
    return Candidate(
        name=run.task.name,
        run=config.run,
        weights=known + config.score_suffix,
        load=load,
        config=model_keys(config),
        batches=record.get("batches"),
        data=records.part(record, "data"),
        scores=records.part(scored, "scores") if ours else {},
        checkpoint=known,
    )


def of_published(folders: Sequence[Path], experiment: Experiment) -> list[Candidate]:
    """Return the published models in folders, the final one of each run.

    Raises:
        UserError: There is none in a folder, or one is of another experiment.
    """
    found: dict[Path, Candidate] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--records {folder}: no such folder")
        models = [each for each in pretrained.published(folder).values() if not each.snapshot]
        if not models:
            raise UserError(
                f"--records {folder}: no published models there (folders with {records.FILE} and "
                "weights/, as python -m disentanglement.reproduce writes them)"
            )
        for each in models:
            found.setdefault(each.folder.resolve(), _published(each, experiment))
    by_name: dict[str, Path] = {}
    for path, one in found.items():
        if (other := by_name.setdefault(one.name, path)) != path:
            raise UserError(
                f"--records: {other} and {path} have the same name, and so would their output: "
                "compare the runs of one grid, or give one of the folders another name"
            )
    return list(found.values())


def size_of_set(
    one: Candidate, experiment: Experiment, groups: int | None, reference: int | None
) -> SetSize:
    """Return the size of labelled sets, see `SetSize.of`, given one of the models to compare."""
    codes = one.config.get("uniform_reg_dim") or one.config.get("gaussian_dim")
    assert codes, "every algorithm's config says how many codes there are"
    images = one.data.get("images") or experiment.num_images
    return SetSize.of(codes, images, groups, reference)


def _published(found: Published, experiment: Experiment) -> Candidate:
    meta, record = found.meta(), records.read(found.folder)
    ours = experiment.folder.name
    if (theirs := meta.get("experiment") or found.experiment() or ours) != ours:
        raise UserError(
            f"{found.folder} is of {theirs}, not of {ours}: compare the runs of one experiment"
        )

    def load() -> "Model":
        return pretrained.load(found.folder, experiment.folder).model

    files = [found.weights / f"{name}.npz" for name in _NETWORKS]
    text = ",".join(fingerprint(path) for path in files if path.exists())
    config = records.part(record, "config")
    scored = records.read(found.folder, "final_metrics.json")
    return Candidate(
        name=found.folder.name,
        run=config.get("run", 0),
        weights=hashlib.sha256(text.encode()).hexdigest()[:16],
        load=load,
        config=config,
        batches=meta.get("batches"),
        data=records.part(record, "data"),
        scores=records.part(scored, "scores"),
        checkpoint=records.part(scored, "model").get("checkpoint"),
    )


def check(candidates: Sequence[Candidate], varied: frozenset[str]) -> None:
    """Raise UserError unless these models can be compared with each other.

    Args:
        candidates: The models.
        varied: The config keys in which they may differ, see `varied_keys`.
    """
    if len(candidates) < 2:
        count = f"only {counted(len(candidates), 'run')}" if candidates else "no trained run"
        raise UserError(
            f"{count} to compare, and choosing without labels takes at least 2: train more with "
            "main.py, or select more"
        )
    first = candidates[0]
    seen: dict[str, Candidate] = {}
    for each in candidates:
        if (same := seen.setdefault(each.weights, each)) is not each:
            raise UserError(
                f"{same.name} and {each.name} are copies of the same model: leave one of them out"
            )
    for other in candidates[1:]:
        if key := _difference(first.data, other.data):
            raise UserError(
                f"{first.name} and {other.name} were trained on different data (their {key} "
                "differs): compare runs on the same data"
            )
        if first.batches != other.batches:
            raise UserError(
                f"{first.name} was trained for {first.batches} batches and {other.name} for "
                f"{other.batches}: compare runs of the same length"
            )
        config, others = dict(first.config), dict(other.config)
        keys = (key for key in config | others if config.get(key) != others.get(key))
        if key := next((key for key in keys if key not in varied), None):
            raise UserError(
                f"{first.name} and {other.name} have different configs: '{key}' is "
                f"{config.get(key)!r} and {others.get(key)!r}: compare runs of one grid"
            )


def varied_keys(configs: Sequence[TrainingConfig]) -> frozenset[str]:
    """Return the keys in which the configs of a grid differ, and those that do not matter."""
    first = vars(configs[0])
    differ = {key for each in configs for key, value in vars(each).items() if value != first[key]}
    free = set(first) - set(model_keys(configs[0]))
    return frozenset({"run", *differ, *free})


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    return next((key for key in one if key in other and one[key] != other[key]), None)
