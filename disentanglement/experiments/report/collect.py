"""Find the runs of a folder, and read what they have written."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from disentanglement import records
from disentanglement.config import TrainingConfig, VAEKeys, parse
from disentanglement.errors import UserError
from disentanglement.evaluation import curves, paper
from disentanglement.evaluation.score_records import Record, find_records
from disentanglement.experiments import queues, states, status
from disentanglement.experiments.grid import Task
from disentanglement.experiments.runs import RunFolder
from disentanglement.experiments.states import State
from disentanglement.scheduler_config import SchedulerConfig

NO_RECORD = "no record"  # the state of a folder with scores, but without run.json

_SCORES = "final_metrics*.json"


@dataclass(frozen=True)
class Run:
    """A run, and what there is to show of it.

    Attributes:
        folder: Its folder.
        label: A short name: the part of the path in which it differs from the other runs.
        state: Its state.
        record: The content of run.json; {} if there is none, or if it is damaged.
        table: The content of metric.csv, a row per evaluation; empty if there is none.
        scores: The score records by file name, the final model's first.
        problems: What could not be read, a line each.
    """

    folder: Path
    label: str
    state: State
    record: Mapping[str, Any] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    scores: Mapping[str, Record] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def config(self) -> dict[str, Any]:
        """Its config as recorded; {} if unknown."""
        return records.part(self.record, "config")


def collect(root: Path) -> list[Run]:
    """Return the runs in a folder, sorted by path; copies of a run's record count once.

    Folders that were set aside (`.old-<n>`) or are hidden are left out, as everywhere.

    Raises:
        UserError: There is no such folder, or no run in it.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    folders = _without_copies(_run_folders(root.resolve()))
    waiting = {top: queues.waiting(top) for top in {root.resolve(), *(f.parent for f in folders)}}
    queued = [top / name for top, names in waiting.items() for name in names]
    everything = sorted({*folders, *queued})
    if not everything:
        raise UserError(
            f"no runs in {root}: no folder with {records.FILE}, {curves.FILE} or {_SCORES}; train "
            "a run first (main.py), or name another folder"
        )
    labels = _labels(everything, root.resolve())
    return [_read(path, labels[path], waiting[path.parent]) for path in everything]


def loose_records(root: Path) -> list[Path]:
    """Return the score records in a folder that belong to no run, e.g. those of other encoders."""
    found = []
    for path, names in _walk(root.resolve()):
        if not _is_run(names):
            files = (path / name for name in sorted(names) if name.endswith(".json"))
            found += [file for file in files if _is_score_record(file)]
    return found


def _run_folders(root: Path) -> list[Path]:
    return [path for path, names in _walk(root) if _is_run(names)]


def _walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folders below `root`, each with the names of its files, but not those in a run."""
    for path, folders, names in os.walk(root):
        yield Path(path), names
        kept = [] if _is_run(names) and Path(path) != root else folders
        folders[:] = sorted(f for f in kept if not f.startswith(".") and ".old-" not in f)


def _is_run(names: list[str]) -> bool:
    known = {records.FILE, curves.FILE, "final_metrics.json", "final_metrics_mean.json"}
    return bool(known & set(names))


def _without_copies(folders: list[Path]) -> list[Path]:
    """Return the folders without those that `reproduce` has published of a run which is here, too.

    Such a copy has the same run.json. The folder with the checkpoint has more to show.
    """
    first: dict[object, Path] = {}
    for folder in sorted(folders, key=lambda path: not (path / "checkpoint").exists()):
        try:
            key: object = (folder / records.FILE).read_bytes()
        except OSError:
            key = folder
        first.setdefault(key, folder)
    return list(first.values())


def _labels(folders: list[Path], root: Path) -> dict[Path, str]:
    """Return a short name for each folder: the part of its path in which it differs."""
    labels = {}
    parents = {folder.parent for folder in folders}
    for parent in parents:
        siblings = [folder for folder in folders if folder.parent == parent]
        short, _ = status.short_names([folder.name for folder in siblings])
        for folder, name in zip(siblings, short, strict=True):
            own = (name or folder.name).removesuffix(",")
            if len(siblings) == 1 and "run" in (config := _config_in_name(folder.name)):
                own = f"run-{config['run']}"
            path = parent.relative_to(root) if parent.is_relative_to(root) else Path()
            shown = len(parents) > 1 and path.parts
            labels[folder] = f"{path}/{own}" if shown else own
    return labels


def _config_in_name(name: str) -> dict[str, str]:
    """Return the values in the name of a run folder by key, see `grid.folder_name`."""
    pairs = (text.partition("-") for text in name.split(",") if "-" in text)
    return {key: value for key, _, value in pairs}


def _read(folder: Path, label: str, waiting: Mapping[str, str]) -> Run:
    problems: list[str] = []

    def attempt(read, otherwise):
        try:
            return read()
        except UserError as error:
            problems.append(str(error))
            return otherwise

    record = attempt(lambda: records.read(folder), {})
    state = _state(folder, record, waiting, damaged=bool(problems))
    table = pd.DataFrame()
    if (path := folder / curves.FILE).exists():
        table = attempt(lambda: curves.read_table(path), table)
    scores: dict[str, Record] = {}
    for path in sorted(folder.glob(_SCORES)):
        if ".old-" not in path.name:
            found = attempt(lambda path=path: find_records([path]), {})
            scores |= dict(zip([path.name], found.values(), strict=False))
    if state.detail in problems:
        problems.remove(state.detail)
    return Run(folder, label, state, record, table, scores, tuple(problems))


def _state(
    folder: Path, record: dict[str, Any], waiting: Mapping[str, str], damaged: bool
) -> State:
    """Return the state of a run as its own record tells it; see `states.of`."""
    queued = waiting.get(folder.name)
    if damaged:
        return State(states.FAILED, 0, 0, detail=f"{folder / records.FILE} cannot be read")
    if not record:
        batches = 0
        name = states.QUEUED if queued else NO_RECORD
        return State(name, batches, 0, detail=queued or "")
    try:
        config = _schema_config(record, folder)
    except UserError as error:
        return State(str(record.get("state", NO_RECORD)), 0, 0, detail=str(error))
    run = RunFolder(folder.parent, _scheduler(), Task(folder.name, config))
    state = states.of(run, paper.PROTOCOL.images or 0, queue=waiting)
    published = not (folder / "checkpoint").exists() and state.name == states.FINISHED
    if published and any(folder.glob(_SCORES)):
        return dataclasses.replace(state, name=states.SCORED, detail="", next="")
    return state


def _schema_config(record: Mapping[str, Any], folder: Path) -> TrainingConfig:
    """Return what a record's config says of the keys that the state of a run depends on.

    Raises:
        UserError: A key is missing or has a wrong value.
    """
    config = records.part(record, "config")
    schema = VAEKeys if "gaussian_dim" in config else TrainingConfig
    names = {f.name for f in dataclasses.fields(schema)}
    known = {key: value for key, value in config.items() if key in names}
    return parse(schema, known, f"{folder / records.FILE}: config")


def _scheduler() -> SchedulerConfig:
    return SchedulerConfig(
        gpu=[], temp_folder="", scheduler_log_file_path="", log_file="", result_root_folder=""
    )


def _is_score_record(file: Path) -> bool:
    try:
        return bool(find_records([file]))
    except UserError:
        return False
