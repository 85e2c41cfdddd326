"""Scoring trained runs: final_metrics.json in the run's folder, one file a checkpoint.

The checkpoint that training left when it ended, and those it kept on the way (of InfoGAN-CR the
model before the contrastive term sets in, the paper's "InfoGAN (modified)").
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from disentanglement import checkpoint, record
from disentanglement.config import TrainingConfig, changed_keys, model_keys
from disentanglement.errors import UserError
from disentanglement.files import fingerprint, locked

log = logging.getLogger(__name__)


def checkpoints(run_folder: Path, config: TrainingConfig) -> dict[str, Path]:
    """The checkpoints of a run's folder, by the names of the files that hold their scores."""
    found = {file(config): run_folder / "checkpoint" / checkpoint.FILE}
    for path in sorted((run_folder / "checkpoint").glob(f"global_id-*/{checkpoint.FILE}")):
        found[file(config, f"_{path.parent.name}")] = path
    return found


def file(config: TrainingConfig, part: str = "") -> str:
    """The name of the file with the scores of the last checkpoint, or of another one (`part`)."""
    return f"final_metrics{part}{config.scored}.json"


def is_done(run_folder: Path, metrics: Mapping[str, Callable], config: TrainingConfig) -> bool:
    """Whether all checkpoints of the folder, as they are now, have all these scores."""
    for name, path in checkpoints(run_folder, config).items():
        try:
            found = record.read(run_folder, name)
            if found["model"]["checkpoint"] != fingerprint(path):
                return False
            if any(metric not in found["metrics"] | found["skipped"] for metric in metrics):
                return False
        except (UserError, KeyError, TypeError):  # no record of ours; scoring will say so
            return False
    return True


def check_trained(run_folder: Path) -> None:
    """Raises UserError if training has not finished in the folder."""
    if record.read(run_folder).get("state") != "finished":
        raise UserError(f"{run_folder}: training has not finished here: run main.py first")


def restore(path: Path, model) -> dict:
    """Give `model` the state in a checkpoint of its config; returns the checkpoint's meta data.

    Raises UserError if it is of another config.
    """
    meta = checkpoint.load_meta(path)
    if changed := changed_keys(meta["config"], model.config):
        raise UserError(f"{path} is of another config: its {changed[0]} differs")
    checkpoint.restore(path, model)
    return meta


def score_run(model, dataset, metrics: dict, run_folder: Path, extra: dict | None = None) -> None:
    """Score every checkpoint of a finished run; scores that are there already are kept.

    model: of the run's config, any weights. extra: see `evaluate`. Raises UserError if the run is
    not finished or its checkpoints are of another config.
    """
    check_trained(run_folder)
    with locked(run_folder):
        for name, path in checkpoints(run_folder, model.config).items():
            _score_checkpoint(model, dataset, metrics, extra, path, run_folder / name)


def _score_checkpoint(model, dataset, metrics, extra, path, out):
    from disentanglement import feed  # imports the engine
    from disentanglement.metrics.evaluation import evaluate  # the learners take a second to import

    meta = restore(path, model)
    feed.check_same(path, meta.get("data"), dataset)
    about = {
        "name": model.name_after(meta["next_batch"]),
        "run": model.config.run,
        "batches": meta["next_batch"],
        "checkpoint": fingerprint(path),
        "config": model_keys(model.config),
        **model.about(),
    }
    log.info("scoring %s after %d batches: %s", about["name"], about["batches"], out)
    evaluate(
        model.encode,
        dataset,
        metrics,
        seed=model.config.run,
        path=out,
        model=about,
        extra=extra,
    )
