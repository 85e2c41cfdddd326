"""The rows of tables: our scores averaged over runs, and the paper's."""

import itertools
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disentanglement.evaluation import paper
from disentanglement.evaluation.paper import COLUMNS
from disentanglement.evaluation.protocols import PAPER
from disentanglement.evaluation.score_records import Record

# Columns for images without factors, shown if any record has them. Not FID and KID: see
# docs/METRICS.md.
RANDOM_FEATURES = {
    "Frechet (random features)": "random_feature_frechet.distance",
    "Frechet floor": "random_feature_frechet.floor",
    "KID (random features)": "random_feature_kid.distance",
    "KID floor": "random_feature_kid.floor",
}
# The columns of each protocol: heading -> score.
PAPERS = COLUMNS | RANDOM_FEATURES


def columns_of(protocol: str) -> Mapping[str, str]:
    """Return all columns of a protocol's tables, heading -> score; those of an unknown one: {}."""
    if protocol == PAPER:
        return PAPERS
    from disentanglement.evaluation.named_protocols import PROTOCOLS  # takes seconds to import

    return PROTOCOLS[protocol].columns if protocol in PROTOCOLS else {}


@dataclass(frozen=True)
class Row:
    """A model's scores over its runs.

    Attributes:
        source: "ours", "paper", or "quoted": by the paper from others.
        model: The model's name.
        batches: How long it trained, if known.
        runs: How many runs, if known.
        means: The mean in each of `columns`, NaN if unknown.
        errors: Its standard error, NaN if unknown or of a single run.
        counts: How many of the runs have the score.
        columns: The columns.
    """

    source: str
    model: str
    batches: int | None
    runs: int | None
    means: np.ndarray
    errors: np.ndarray
    counts: np.ndarray
    columns: tuple[str, ...] = tuple(COLUMNS)

    def mean(self, column: str) -> float:
        """Return the mean in a column, NaN if unknown."""
        return self.means[self.columns.index(column)] if column in self.columns else math.nan

    def error(self, column: str) -> float:
        """Return the standard error in a column, NaN if unknown."""
        return self.errors[self.columns.index(column)] if column in self.columns else math.nan

    def cell(self, column: str) -> str:
        """Return the text in a column: mean ± error, and the number of runs if some lack it."""
        mean, error = self.mean(column), self.error(column)
        if math.isnan(mean):
            return ""
        digits, precision = (".3g", ".1g") if column in RANDOM_FEATURES else (".2f", ".2f")
        text = f"{mean:{digits}}"
        if not math.isnan(error):
            text = f"{text} ± {error:{precision}}"
        count = self.counts[self.columns.index(column)]
        return text if count == (self.runs or 0) else f"{text} (of {count})"


def rows(found: list[Record], protocol: str = PAPER) -> list[Row]:
    """Return a row for each model, averaged over records that differ only in the model's `run`.

    If the records' fingerprints show that they are of different images, rows name theirs, e.g.
    "PCA (data 1f3c9a20)", and only records of the same images are averaged.

    Args:
        found: Records of a table: of one data set, by one protocol, as far as their protocols tell.
        protocol: Its name.
    """
    one_of_each = {_data(record): record for record in found}.values()
    several = any(_are_of_other_data(a, b) for a, b in itertools.combinations(one_of_each, 2))

    def key(record: Record) -> tuple[str, int, str, str]:
        return (*_key(record), _data(record) if several else "")

    groups = [list(members) for _, members in itertools.groupby(sorted(found, key=key), key=key)]
    held = set().union(*(record["scores"] for record in found))
    known = columns_of(protocol)
    used = [c for c, score in known.items() if score in held or (c in COLUMNS and known is PAPERS)]
    columns = {column: known[column] for column in used}
    names = [_name(members[0], groups, several) for members in groups]
    return [_row(*row, columns) for row in zip(groups, names, strict=True)]


def paper_rows() -> list[Row]:
    """Return the paper's rows, then those that it quotes from others."""
    result = []
    for model, (runs, text) in paper.SCORES.items():
        numbers = np.array(text.split(), dtype=float)
        counts = np.full(len(COLUMNS), runs or 0)
        result.append(
            Row("paper", model, paper.batches(model), runs, numbers[0::2], numbers[1::2], counts)
        )
    for model, text in paper.QUOTED.items():
        means, none = np.array(text.split(), dtype=float), np.full(len(COLUMNS), np.nan)
        counts = np.zeros(len(COLUMNS))
        result.append(Row("quoted", model, None, None, means, none, counts))
    return result


def _key(record: Record) -> tuple[str, int, str]:
    """Return a key that is equal for records that may be averaged."""
    model = record["model"]
    config = {key: value for key, value in model.get("config", {}).items() if key != "run"}
    alone = None if "run" in model else id(record)
    same = json.dumps([config, record.get("protocol"), alone], sort_keys=True)
    return model.get("name", "(no name)"), model.get("batches", 0), same


def _identity_of_data(record: Record) -> dict:
    found = record.get("fingerprint")
    keys = ("metric_data", "images", "images_checksum")
    return {key: found.get(key) for key in keys} if isinstance(found, dict) else {}


def _are_of_other_data(a: Record, b: Record) -> bool:
    """Whether two records are known to be of different data.

    Versions choose other images for their fingerprints; checksums of other images tell nothing.
    """
    one, other = _identity_of_data(a), _identity_of_data(b)
    keys = ["metric_data"]
    if one.get("images") == other.get("images"):
        keys.append("images_checksum")
    pairs = [(one.get(key), other.get(key)) for key in keys]
    return any(None not in pair and pair[0] != pair[1] for pair in pairs)


def _data(record: Record) -> str:
    """Return a short name for the data behind a record, equal for records known to share them."""
    found = _identity_of_data(record)
    if not any(found.values()):
        return "unknown"
    return f"{zlib.crc32(json.dumps(found, sort_keys=True).encode()):08x}"


def _name(record: Record, groups: list[list[Record]], with_data: bool) -> str:
    """Return the model's name, with the config keys in which it differs from its namesakes.

    With `with_data`, the name of its data follows.
    """
    name, config = record["model"].get("name", "(no name)"), record["model"].get("config", {})
    namesakes = [
        other["model"].get("config", {})
        for other, *_ in groups
        if other["model"].get("name") == record["model"].get("name")
    ]
    own = [
        f"{key}={value}"
        for key, value in config.items()
        if key != "run" and any(other.get(key) != value for other in namesakes)
    ]
    own += [f"data {_data(record)}"] if with_data else []
    return f"{name} ({', '.join(own)})" if own else name


def _row(members: list[Record], name: str, columns: dict[str, str]) -> Row:
    scores = pd.DataFrame([record["scores"] for record in members])
    scores = scores.reindex(columns=list(columns.values())).astype(float)
    # Without `dropna`, pandas sums missing scores as zeros, which changes how sums are rounded.
    means, errors, counts = scores.apply(
        lambda column: column.dropna().agg(["mean", "sem", "count"])
    ).to_numpy()
    counts = counts.astype(int)
    batches = members[0]["model"].get("batches")
    return Row("ours", name, batches, len(members), means, errors, counts, tuple(columns))
