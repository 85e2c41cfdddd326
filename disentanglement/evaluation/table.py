"""python -m disentanglement.table RESULTS...: our mean scores beside the paper's."""

import argparse
import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from disentanglement import console
from disentanglement.errors import UserError
from disentanglement.evaluation import paper
from disentanglement.evaluation.paper import COLUMNS
from disentanglement.evaluation.score_records import (
    Record,
    data_label,
    find_records,
    is_on_other_data,
)
from disentanglement.files import atomic_path, write_text

# Columns for images without factors, shown if any record has them. Not FID and KID: see
# docs/METRICS.md.
RANDOM_FEATURES = {
    "Frechet (random features)": "random_feature_frechet.distance",
    "Frechet floor": "random_feature_frechet.floor",
    "KID (random features)": "random_feature_kid.distance",
    "KID floor": "random_feature_kid.floor",
}
_ALL_COLUMNS = COLUMNS | RANDOM_FEATURES

_MARKS = ("<!-- table: python -m disentanglement.table -->", "<!-- end of table -->")


@dataclass(frozen=True)
class Row:
    """A model's scores over its runs.

    Attributes:
        source: "ours" or "paper".
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
        digits, precision = (".2f", ".2f") if column in COLUMNS else (".3g", ".1g")
        text = f"{mean:{digits}}"
        if not math.isnan(error):
            text = f"{text} ± {error:{precision}}"
        count = self.counts[self.columns.index(column)]
        return text if count == (self.runs or 0) else f"{text} (of {count})"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.table",
        description="Mean and standard error over runs, in the columns of the paper's Table 1.",
    )
    parser.add_argument(
        "results", nargs="+", type=Path, help="score records, or folders to search for them"
    )
    parser.add_argument("--csv", type=Path, metavar="OUT", help="also write the table as CSV")
    parser.add_argument(
        "--readme", type=Path, metavar="FILE.md", help=f"replace the table after {_MARKS[0]}"
    )
    parser.add_argument("--picture", type=Path, metavar="OUT.png", help="also draw the table")
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _main(options))


def _main(options: argparse.Namespace) -> int:
    if options.picture:
        console.check_picture("--picture", options.picture)
    found = find_records(options.results)
    for out in (options.csv, options.picture):
        if out and out.resolve() in found:
            raise UserError(f"{out}: that is a record of scores; name another file")
    table = compare(found)
    print(as_text(table))
    if options.readme:
        put_into(options.readme, as_text(table))
    if options.csv:
        write_text(options.csv, as_csv(table))
    if options.picture:
        draw(table, options.picture)
    return 0


def compare(found: dict[Path, Record]) -> list[Row]:
    """Return our rows, then the paper's, those of the same models first.

    The paper's scores are for dSprites; omitted if all of ours are for other data sets.
    """
    ours = rows(list(found.values()))
    if all(map(is_on_other_data, found.values())):
        return ours
    names = {row.model for row in ours}
    return ours + sorted(paper_rows(), key=lambda row: row.model not in names)


def put_into(readme: Path, text: str) -> None:
    """Replace the text between the two marks in a Markdown file. Raises UserError without them."""
    begin, end = _MARKS
    try:
        before, rest = readme.read_text().split(begin)
        _, after = rest.split(end)
    except (OSError, ValueError) as error:
        raise UserError(f"{readme}: needs one line '{begin}' and one '{end}' below it") from error
    write_text(readme, f"{before}{begin}\n\n{text}\n\n{end}{after}")


def rows(found: list[Record]) -> list[Row]:
    """Return a row for each model, averaged over records that differ only in the model's `run`."""
    by_model = itertools.groupby(sorted(found, key=_key), key=_key)
    groups = [list(members) for _, members in by_model]
    held = set().union(*(record["scores"] for record in found))
    more = [column for column, score in RANDOM_FEATURES.items() if score in held]
    columns = (*COLUMNS, *more)
    return [_row(members, _name(members[0], groups), columns) for members in groups]


def columns_of(table: list[Row]) -> list[str]:
    """Return the columns to show: the paper's if any row has one of them, and others in use."""
    used = {c for row in table for c in row.columns if not math.isnan(row.mean(c))}
    papers = list(COLUMNS) if used & set(COLUMNS) or not used else []
    return papers + [column for column in RANDOM_FEATURES if column in used]


def paper_rows() -> list[Row]:
    """Return the paper's rows."""
    result = []
    for model, (runs, text) in paper.SCORES.items():
        numbers = np.array(text.split(), dtype=float)
        counts = np.full(len(COLUMNS), runs or 0)
        result.append(Row("paper", model, None, runs, numbers[0::2], numbers[1::2], counts))
    return result


def as_text(table: list[Row]) -> str:
    """Return a Markdown table with aligned columns."""
    columns = columns_of(table)
    lines = [["", "model", "batches", "runs", *columns]]
    for row in table:
        cells = [row.cell(column) for column in columns]
        lines.append([row.source, row.model, _number(row.batches), _number(row.runs), *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |" for line in lines
    )


def as_csv(table: list[Row]) -> str:
    """Return the table as CSV with all digits: a mean and a standard error per column."""
    lines, columns = [], columns_of(table)
    for row in table:
        line: dict[str, Any] = {"source": row.source, "model": row.model}
        line |= {"batches": row.batches or "", "runs": row.runs or ""}
        for column in columns:
            name = column if column in COLUMNS else RANDOM_FEATURES[column]
            line |= {name: row.mean(column), f"{name} s.e.": row.error(column)}
        lines.append(line)
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n")


def draw(table: list[Row], path: Path) -> None:
    """Draw a panel per column, in which each row is a bar with its standard error."""
    from matplotlib.figure import Figure

    labels, columns = [f"{row.model}, {row.source}" for row in table], columns_of(table)
    figure = Figure((2 * len(columns) + 3, 1 + 0.35 * len(table)), layout="constrained")
    panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    colors = ["tab:blue" if row.source == "ours" else "lightgray" for row in table]
    for panel, column in zip(panels, columns, strict=True):
        means = [row.mean(column) for row in table]
        errors = np.nan_to_num([row.error(column) for row in table])
        panel.barh(range(len(table)), means, xerr=errors, color=colors)
        panel.set_title(column)
        if column in COLUMNS:
            panel.set_xlim(0, 1)
    panels[0].set_yticks(range(len(table)), labels)
    panels[0].invert_yaxis()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _key(record: Record) -> tuple[str, int, str]:
    """Return a key that is equal for records that may be averaged."""
    model = record["model"]
    config = {key: value for key, value in model.get("config", {}).items() if key != "run"}
    alone = None if "run" in model else id(record)
    same = json.dumps([config, record.get("protocol"), alone], sort_keys=True)
    return model.get("name", "(no name)"), model.get("batches", 0), same


def _name(record: Record, groups: list[list[Record]]) -> str:
    """Return the model's name, with the config keys in which it differs from its namesakes."""
    name, config = record["model"].get("name", "(no name)"), record["model"].get("config", {})
    namesakes = [
        other["model"].get("config", {})
        for other, *_ in groups
        if other["model"].get("name") == record["model"].get("name")
        and data_label(other) == data_label(record)
    ]
    own = [
        f"{key}={value}"
        for key, value in config.items()
        if key != "run" and any(other.get(key) != value for other in namesakes)
    ]
    if is_on_other_data(record):
        name = f"{name}, {data_label(record)}"
    return f"{name} ({', '.join(own)})" if own else name


def _row(members: list[Record], name: str, columns: tuple[str, ...]) -> Row:
    scores = pd.DataFrame([record["scores"] for record in members])
    scores = scores.reindex(columns=[_ALL_COLUMNS[column] for column in columns]).astype(float)
    # Without `dropna`, pandas sums missing scores as zeros, which changes how sums are rounded.
    means, errors, counts = scores.apply(
        lambda column: column.dropna().agg(["mean", "sem", "count"])
    ).to_numpy()
    batches = members[0]["model"].get("batches")
    return Row("ours", name, batches, len(members), means, errors, counts.astype(int), columns)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
