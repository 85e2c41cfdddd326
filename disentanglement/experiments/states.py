"""The state of a run: what its folder, its lock and the queues of main scripts say of it."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from disentanglement import records
from disentanglement.errors import UserError
from disentanglement.evaluation import final_metrics, score_records
from disentanglement.experiments.runs import RunFolder
from disentanglement.training import activity, checkpoint
from disentanglement.training.position import Plan, scores_in
from disentanglement.wording import counted

NEW, QUEUED, RUNNING, STOPPED = "new", "queued", "running", "stopped"
INTERRUPTED, FAILED, FINISHED = "interrupted", "failed", "finished"
SCORED, STALE, OTHER_CONFIG, OTHER_DATA = "scored", "stale", "another config", "other data"

TRAINED = (FINISHED, SCORED, STALE)

_NOT_IN_NAME = (
    "this key is not part of the folder's name: change it back or set another result_root_folder"
)
_RENAMED = "the folder has been copied or renamed: rename it back or move it away"
_STALLED = 60  # seconds without a sign of life; an evaluation may take that long
_TRAIN, SCORE, TABLE = "main.py", "main_final_metrics.py", "python -m disentanglement.table"


@dataclass(frozen=True)
class State:
    """The state of a run.

    Attributes:
        name: One of the constants of this module.
        batches: How many batches are trained: now, of a running run; else as saved.
        total: How many its config asks for.
        scores: The last row of metric.csv, by score.
        detail: Who, why or since when, in a few words; may be empty.
        next: What comes next, in a few words; empty if nothing does.
        activity: Of a running run, see `activity.current`.
        warning: What seems to have gone wrong in training; may be empty.
    """

    name: str
    batches: int
    total: int
    scores: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""
    next: str = ""
    activity: Mapping[str, Any] = field(default_factory=dict)
    warning: str = ""

    def note(self) -> str:
        """Return the detail, what comes next, and the warning."""
        return "; ".join(filter(None, (self.detail, self.next, self.warning)))

    def is_shorter(self) -> bool:
        """Whether the run finished with fewer batches than its config now asks for."""
        return self.name == STOPPED and self.detail.startswith("finished")


def of(
    run: RunFolder,
    num_images: int,
    metrics: Callable[[], Iterable[str]] = tuple,
    queue: Mapping[str, str] | None = None,
) -> State:
    """Return the state of a run.

    Args:
        run: The run.
        num_images: The size of the data set, if the run has not noted it.
        metrics: Returns the names of the metrics that score a finished run; called only if there
            are scores.
        queue: The queued runs of this result folder, see `queues.waiting`.
    """
    try:
        return _of(run, num_images, metrics, queue or {})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        detail = f"{run.path / records.FILE} is not a record of this version ({error!r})"
        return State(FAILED, 0, 0, {}, detail, "move it away")
    except UserError as error:
        return State(FAILED, 0, 0, {}, str(error))


def of_other_data(run: RunFolder, state: State, images: int | None) -> State:
    """Return `state`, or another if the run was trained on another number of images than now.

    Args:
        run: The run.
        state: Its state.
        images: How many images its data set has now; None if unknown.
    """
    if images is None or state.name in (NEW, QUEUED, RUNNING, OTHER_CONFIG) or state.total == 0:
        return state
    data = run.record().get("data", {})
    if data.get("images", images) == images:
        return state
    detail = (
        f"trained on {counted(data['images'], 'image')} of {data.get('dataset')}, which has "
        f"{images:,} now"
    )
    advice = "rename the new set, or set another result_root_folder"
    return replace(state, name=OTHER_DATA, detail=detail, next=advice)


def _of(
    run: RunFolder,
    num_images: int,
    metrics: Callable[[], Iterable[str]],
    queue: Mapping[str, str],
) -> State:
    record = run.record()
    total = _total(run, record, num_images)
    scores = _last_scores(run.path / "metric.csv")
    if (found := activity.current(run.path)) is not None:
        batches = found.get("batches") or _saved(run, record)
        detail = _running(found)
        total, warning = found.get("total", total), _warning(record)
        return State(RUNNING, batches, total, scores, detail, "", found, warning)
    try:
        change, batches = run.other_config(), _saved(run, record)
    except UserError as error:
        return State(FAILED, 0, total, scores, str(error))
    if change:
        key = change.partition(" ")[0]
        advice = _RENAMED if f"{key}-" in run.task.name else _NOT_IN_NAME
        return State(OTHER_CONFIG, batches, total, scores, change, advice)
    if batches > total:
        trained = counted(batches, "batch", "batches")
        detail = f"it has {trained}, more than the {total:,} that the config asks for"
        advice = "increase epoch or max_batches, or set another result_root_folder"
        return State(OTHER_CONFIG, batches, total, scores, detail, advice)
    name, detail, following = _settled(run, record, batches, total, metrics)
    if waits := queue.get(run.task.name):
        name, detail, following = QUEUED, waits, ""
    return State(name, batches, total, scores, detail, following, warning=_warning(record))


def _settled(
    run: RunFolder,
    record: dict[str, Any],
    batches: int,
    total: int,
    metrics: Callable[[], Iterable[str]],
) -> tuple[str, str, str]:
    """Return the state of a run that nothing works on, a detail, and what comes next."""
    name = record.get("state", STOPPED if batches else NEW)
    if name == FINISHED and run.is_trained():
        return _scored(run, metrics)
    if name == FINISHED:
        detail = f"finished at {batches:,} batches, the config now asks for {total:,}"
        return STOPPED, detail, f"{_TRAIN} continues it"
    if name == "training":
        found = activity.left_behind(run.path)
        seen = ""
        if "updated" in found:
            seen = f" ({activity.where(found)}, last seen {found['updated']})"
        return INTERRUPTED, f"its process died{seen}", f"{_TRAIN} resumes"
    if name == FAILED:
        return FAILED, record.get("why", "see worker.log").rstrip("."), f"{_TRAIN} tries again"
    if name == STOPPED:
        return STOPPED, "", f"{_TRAIN} resumes"
    return NEW, "", f"{_TRAIN} trains it"


def _scored(run: RunFolder, metrics: Callable[[], Iterable[str]]) -> tuple[str, str, str]:
    """Return whether a trained run is scored, a detail, and what comes next."""
    config = run.task.config
    files = [run.path / name for name in final_metrics.checkpoints(run.path, config)]
    found = [path for path in files if path.exists()]
    if not found:
        return FINISHED, "", f"{SCORE} scores it"
    for path in found:
        if score_records.is_stale(path, records.read(path.parent, path.name)):
            return STALE, f"{path.name} is of an earlier model", f"{SCORE} scores it again"
    if final_metrics.is_done(run.path, metrics(), config):
        return SCORED, "", TABLE
    return FINISHED, "scored in part", f"{SCORE} scores the rest"


def _warning(record: Mapping[str, Any]) -> str:
    """Return the last warning in a run's record; '' if there is none."""
    warnings = record.get("warnings")
    if not warnings:
        return ""
    return f"warning (batch {warnings[-1]['batch']:,}): {warnings[-1]['warning']}"


def _running(found: Mapping[str, Any]) -> str:
    """Return who does what, how fast and how long still."""
    parts = [f"{found.get('doing', 'in use')}: {activity.where(dict(found))}"]
    if found.get("batches_a_second"):
        parts.append(f"{found['batches_a_second']:.1f} batches a second")
    if found.get("seconds_left"):
        parts.append(f"{tqdm.format_interval(found['seconds_left'])} left")
    if updated := found.get("updated"):
        silent = datetime.now() - datetime.fromisoformat(updated)
        if found.get("doing") == activity.TRAINING and silent.total_seconds() > _STALLED:
            parts.append(f"last sign of life {updated}")
    return ", ".join(parts)


def _total(run: RunFolder, record: dict[str, Any], num_images: int) -> int:
    config = run.task.config
    images = record.get("data", {}).get("images") or getattr(config, "generate", None)
    return Plan.of(config, images or num_images).total


def _saved(run: RunFolder, record: dict[str, Any]) -> int:
    """Return how many batches are trained and saved. Raises UserError if the file is damaged."""
    if record.get("state") == FINISHED and "batches" in record:
        return record["batches"]
    path = run.path / "checkpoint" / checkpoint.FILE
    return checkpoint.load_meta(path)["next_batch"] if path.exists() else 0


def _last_scores(path: Path) -> dict[str, float]:
    try:
        rows = list(csv.DictReader(path.read_text().splitlines()))
        return scores_in(rows[-1]) if rows else {}
    except (OSError, ValueError, TypeError):  # none yet, or being repaired at the next start
        return {}
