"""Score trained runs: final_metrics.json in the run's folder, one file for each checkpoint.

The checkpoints are the last one and those kept along the way: for InfoGAN-CR, the model
before the contrastive term is switched on, the paper's "InfoGAN (modified)".
"""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disentanglement import records
from disentanglement.config import TrainingConfig, changed_keys, model_keys
from disentanglement.data.dataset import Dataset
from disentanglement.errors import UserError
from disentanglement.evaluation.computed_arrays import ComputedArray
from disentanglement.evaluation.protocols import PAPER
from disentanglement.files import fingerprint
from disentanglement.metrics.metric import MetricFunction
from disentanglement.training import activity, checkpoint
from disentanglement.wording import counted

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

log = logging.getLogger(__name__)


def checkpoints(run_folder: Path, config: TrainingConfig, protocol: str = PAPER) -> dict[str, Path]:
    """Return the checkpoints in a run's folder, by the names of their score files."""
    found = {file_name(config, "", protocol): run_folder / "checkpoint" / checkpoint.FILE}
    for path in sorted((run_folder / "checkpoint").glob(f"global_id-*/{checkpoint.FILE}")):
        found[file_name(config, path.parent.name, protocol)] = path
    return found


def file_name(config: TrainingConfig, snapshot: str = "", protocol: str = PAPER) -> str:
    """Return the name of the last checkpoint's score file, or of a snapshot's ("global_id-7").

    That of a protocol other than the paper's follows, e.g. final_metrics_dlib.json.
    """
    parts = ("final_metrics", "" if protocol == PAPER else protocol, snapshot)
    return f"{'_'.join(filter(None, parts))}{config.score_suffix}.json"


def is_done(
    run_folder: Path, metrics: Iterable[str], config: TrainingConfig, protocol: str = PAPER
) -> bool:
    """Return whether each metric has been scored, or skipped, for every checkpoint as it is now."""
    for name, path in checkpoints(run_folder, config, protocol).items():
        try:
            found = records.read(run_folder, name)
            if found["model"]["checkpoint"] != fingerprint(path):
                return False
            if any(metric not in found["metrics"] | found["skipped"] for metric in metrics):
                return False
        except (UserError, KeyError, TypeError):  # not our record: scoring will report it
            return False
    return True


def check_trained(run_folder: Path) -> None:
    """Raise UserError unless training has finished in the folder."""
    if records.read(run_folder).get("state") != "finished":
        raise UserError(f"{run_folder}: training has not finished here: run main.py first")


def restore(path: Path, model: "Model") -> dict[str, Any]:
    """Restore `model` from a checkpoint and return the checkpoint's metadata.

    Raises:
        UserError: The checkpoint was trained with another config.
    """
    meta = checkpoint.load_meta(path)
    if changed := changed_keys(meta["config"], model.config):
        raise UserError(f"{path} was trained with another config: its {changed[0]} differs")
    checkpoint.restore(path, model)
    return meta


def score_run(
    model: "Model",
    dataset: Dataset,
    metrics: Mapping[str, MetricFunction],
    run_folder: Path,
    computed: Mapping[str, ComputedArray] | None = None,
    protocol: str = PAPER,
) -> None:
    """Score every checkpoint of a finished run; existing scores are kept.

    Args:
        model: Built from the run's config; its weights are replaced.
        dataset: The data set that the run was trained on.
        metrics: Name -> metric.
        run_folder: The run's folder.
        computed: Arrays that are not codes or factors, see `evaluate`.
        protocol: Its name.

    Raises:
        UserError: The run has not finished, or was trained with another config or on other data.
    """
    check_trained(run_folder)
    with activity.claim(run_folder, activity.SCORING):
        for name, path in checkpoints(run_folder, model.config, protocol).items():
            out = run_folder / name
            _score_checkpoint(model, dataset, metrics, computed, protocol, path, out)


def _score_checkpoint(
    model: "Model",
    dataset: Dataset,
    metrics: Mapping[str, MetricFunction],
    computed: Mapping[str, ComputedArray] | None,
    protocol: str,
    path: Path,
    out: Path,
) -> None:
    # These import Keras and scikit-learn, which take seconds.
    from disentanglement.evaluation.evaluate import evaluate
    from disentanglement.training import feed

    meta = restore(path, model)
    feed.check_same(path, meta.get("data"), dataset)
    description = {
        "name": model.name_after(meta["next_batch"]),
        "run": model.config.run,
        "batches": meta["next_batch"],
        "checkpoint": fingerprint(path),
        "config": model_keys(model.config),
        **model.record_entries(),
    }
    batches = counted(meta["next_batch"], "batch", "batches")
    log.info("scoring %s after %s: %s", description["name"], batches, out)
    evaluate(
        model.encode,
        dataset,
        metrics,
        protocol=protocol,
        seed=model.config.run,
        path=out,
        model=description,
        computed=computed,
        overwrite=True,  # of the model as it was before it was trained further
    )
