"""Find score records (final_metrics.json and its like) in files and folders."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from disentanglement import records
from disentanglement.data.labels import label_of
from disentanglement.errors import UserError
from disentanglement.files import fingerprint
from disentanglement.training import checkpoint
from disentanglement.wording import counted

Record = dict[str, Any]  # see `disentanglement.evaluation.scorecard`

_SEVERAL_SETS = ("Teapots", "LabelledImages")  # whose labels say which set it is


def find_records(paths: list[Path]) -> dict[Path, Record]:
    """Return the score records in files and folders, by file.

    In folders, files that were set aside (`.old-<n>`), are half written or are not score records
    are skipped. Stale ones are skipped everywhere. Of several records of one checkpoint by one
    protocol, and of several records with the same scores of the same encoder, only the first
    counts.

    Raises:
        UserError: A file named in `paths` is not a score record, or there is no record at all, or
            only stale ones.
    """
    found: dict[Path, Record] = {}
    first: dict[str, Path] = {}  # the first record of each evaluation
    stale: list[str] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        for file, record in _search(path) if path.is_dir() else [(path, _read(path))]:
            if is_stale(file, record):
                why = "its model was trained further; run main_final_metrics.py again"
                stale.append(f"{file}: {why}")
                continue
            key, resolved = _evaluation(record), file.resolve()
            if first.setdefault(key, resolved) == resolved:
                found[resolved] = record
            else:
                print(f"note: skipping {file}: a copy of {first[key]}", file=sys.stderr)
    if stale and not found:
        others = f" (and {counted(len(stale) - 1, 'other')})" if len(stale) > 1 else ""
        raise UserError(f"{stale[0]}{others}")
    for line in stale:
        print(f"note: skipping {line}", file=sys.stderr)
    if not found:
        raise UserError(
            f"no scores in {', '.join(map(str, paths))}: run main_final_metrics.py first"
        )
    return found


def is_stale(file: Path, record: Record) -> bool:
    """Whether the model beside a record of scores has been trained further since."""
    snapshot = re.search(r"global_id-\d+", file.name)
    path = file.parent / "checkpoint" / (snapshot[0] if snapshot else "") / checkpoint.FILE
    scored = record["model"].get("checkpoint")
    return scored is not None and path.exists() and fingerprint(path) != scored


def dataset_name(record: Record) -> str | None:
    """Return the class name of the data set that a record's scores were computed on, if known."""
    protocol = record.get("protocol")
    return protocol.get("dataset") if isinstance(protocol, dict) else None


def data_label(record: Record) -> str | None:
    """Return the usual name of the data set behind a record's scores, if known.

    Where there are several sets of a kind, the factors and the number of images follow, e.g.
    "3D teapots (gamma, beta, alpha; 200,000 images)".
    """
    name = dataset_name(record)
    if name is None:
        return None
    label, protocol = label_of(name), record["protocol"]
    if name not in _SEVERAL_SETS or not {"factors", "images"} <= set(protocol):
        return label
    factors = protocol["factors"]
    unnamed = factors == [f"latent_{i}" for i in range(len(factors))]
    text = counted(len(factors), "latent") if unnamed else ", ".join(factors)
    return f"{label} ({text}; {counted(protocol['images'], 'image')})"


def _search(folder: Path) -> Iterator[tuple[Path, Record]]:
    for file in sorted(folder.rglob("*.json")):
        parts = file.relative_to(folder).parts
        if any(".old-" in part or part.startswith(".") for part in parts):
            continue
        try:
            record = records.read(file.parent, file.name)
        except UserError:
            print(f"note: skipping {file}: not valid JSON", file=sys.stderr)
            continue
        if not is_score_record(record):
            continue
        yield file, record


def _evaluation(record: Record) -> str:
    """Return a key that only copies and repetitions of an evaluation share, as text.

    A checkpoint identifies the model. Without one, records are copies if all scores are equal.
    """
    model, protocol = record["model"], record.get("protocol")
    if scored := model.get("checkpoint"):
        key = [model.get("name"), model.get("run"), scored, protocol]
    else:
        encoder = record.get("fingerprint")
        codes = encoder.get("codes") if isinstance(encoder, dict) else None
        key = [model, codes, protocol, record.get("seed"), record["scores"]]
    return json.dumps(key, sort_keys=True)


def _read(file: Path) -> Record:
    record = records.read(file.parent, file.name)
    if not is_score_record(record):
        raise UserError(f"{file}: not a record of scores")
    return record


def is_score_record(record: Record) -> bool:
    """Whether JSON has the form of a score record, as far as tables and pictures rely on it."""
    model, scores = record.get("model"), record.get("scores")
    return (
        isinstance(model, dict)
        and isinstance(scores, dict)
        and all(isinstance(value, int | float) for value in scores.values())
        and isinstance(model.get("name", ""), str)
        and isinstance(model.get("batches", 0), int)
        and isinstance(model.get("config", {}), dict)
    )
