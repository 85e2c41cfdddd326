"""python -m disentanglement.table RESULTS...: our mean scores beside the paper's.

Only scores that can be compared share a table: those of one data set by one protocol.
"""

import argparse
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from disentanglement import console
from disentanglement.errors import UserError
from disentanglement.evaluation import paper
from disentanglement.evaluation.chosen_rows import chosen_rows
from disentanglement.evaluation.paper import COLUMNS
from disentanglement.evaluation.protocols import NAMES, NUMBERS, PAPER, ImageProtocol
from disentanglement.evaluation.score_records import Record, find_records
from disentanglement.evaluation.table_rows import (
    RANDOM_FEATURES,
    Row,
    columns_of,
    paper_rows,
    rows,
)
from disentanglement.files import atomic_path, write_text
from disentanglement.wording import counted

_COMMAND = "python -m disentanglement.table"
_MARKS = (f"<!-- table: {_COMMAND} -->", "<!-- end of table -->")
_UNKNOWN_DATA = "Data set unknown"
_DATA_NOTE = (
    f"{_UNKNOWN_DATA}: the records do not name it. Files of codes made with save_codes do: see "
    "docs/YOUR_ENCODER.md."
)


@dataclass(frozen=True)
class Table:
    """Rows whose scores can be compared: of one data set, by one protocol.

    Attributes:
        protocol: The images behind the scores.
        rows: Ours, then the paper's.
    """

    protocol: ImageProtocol
    rows: list[Row]

    @property
    def is_papers(self) -> bool:
        """Whether the paper's scores are by this protocol, too."""
        return self.protocol == paper.PROTOCOL

    @property
    def columns(self) -> list[str]:
        """The columns to show: the paper's if any row has one of them, and others in use."""
        known = columns_of(self.protocol.name)
        if self.protocol.name != PAPER:
            return [column for column in known if column in self.used]
        papers = list(COLUMNS) if self.used & set(COLUMNS) or not self.used else []
        return papers + [column for column in RANDOM_FEATURES if column in self.used]

    @property
    def used(self) -> set[str]:
        """The columns in which any row has a score."""
        return {c for row in self.rows for c in row.columns if not np.isnan(row.mean(c))}

    @property
    def title(self) -> str:
        """The data set, and how it relates to the paper's table if it is of the same data."""
        data = self.protocol.data
        if self.is_papers:
            return f"{data}, the paper's protocol"
        if self.protocol.name != PAPER:
            return f"{data or _UNKNOWN_DATA}, {protocol_title(self.protocol.name)}"
        if data in (paper.PROTOCOL.data, None):
            return f"{data or _UNKNOWN_DATA}, not comparable with the paper"
        return data

    @property
    def about(self) -> str:
        """The protocol, or how it differs from the paper's on the same data set."""
        text = self.protocol.text()
        if self.is_papers:
            alone = all(row.source != "ours" for row in self.rows)
            return f"{text}; none of our scores is by it" if alone else text
        if self.protocol.data is None:
            return f"{text}; the rows may be of different data sets"
        if self.protocol.data == paper.PROTOCOL.data and self.protocol.name == PAPER:
            theirs = paper.instead_of(self.protocol)
            return f"{paper.difference(self.protocol)} (the paper: {theirs})"
        return text


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.table",
        description="Mean and standard error over runs, in the columns of the paper's Table 1. "
        "Scores of another data set or protocol than the paper's stand in tables of their own.",
    )
    parser.add_argument(
        "results", nargs="+", type=Path, help="score records, or folders to search for them"
    )
    parser.add_argument(
        "--protocol",
        choices=NAMES,
        default=PAPER,
        help="show the scores by this protocol (default: paper)",
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="OUT",
        help="also write all tables as one CSV file, whose columns say data set and protocol",
    )
    parser.add_argument(
        "--readme",
        type=Path,
        metavar="FILE.md",
        help=f"replace the text between the lines {_MARKS[0]} and {_MARKS[1]}; with --protocol "
        "NAME, the first line must have it, too",
    )
    parser.add_argument(
        "--picture", type=Path, metavar="OUT.png", help="also draw the tables, one below the other"
    )
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _main(options))


def _main(options: argparse.Namespace) -> int:
    if options.picture:
        console.check_picture("--picture", options.picture)
    found = find_records(options.results)
    for out in (options.csv, options.picture):
        if out and out.resolve() in found:
            raise UserError(f"{out}: that is a record of scores; name another file")
    tables = compare(by_protocol(options.protocol, found))
    print(as_text(tables))
    if options.readme:
        put_into(options.readme, as_text(tables), options.protocol)
    if options.csv:
        write_text(options.csv, as_csv(tables))
    if options.picture:
        draw(tables, options.picture)
    return 0


def by_protocol(protocol: str, found: dict[Path, Record]) -> dict[Path, Record]:
    """Return the records by this protocol; say how many others there are.

    Raises:
        UserError: There is none, but for the paper's protocol, which has the paper's rows.
    """
    names = {path: ImageProtocol.of(record).name for path, record in found.items()}
    for name in dict.fromkeys(names.values()):
        if name != protocol:
            count = counted(list(names.values()).count(name), "record")
            line = f"note: {count} of scores by --protocol {name} left out"
            print(line, file=sys.stderr)
    chosen = {path: record for path, record in found.items() if names[path] == protocol}
    if not chosen and protocol != PAPER:
        raise UserError(
            f"no scores by --protocol {protocol}: run main_final_metrics.py --protocol {protocol} "
            "first"
        )
    return chosen


def compare(found: dict[Path, Record]) -> list[Table]:
    """Return a table for each data set and protocol; the one with the paper's rows comes first.

    It is left out if all records are known to be of other data than the paper's.
    """
    groups: dict[ImageProtocol, list[Record]] = {}
    for record in found.values():
        groups.setdefault(ImageProtocol.of(record), []).append(record)
    data = {protocol.data for protocol in groups if protocol.name == PAPER}
    tables = []
    if not groups or data & {paper.PROTOCOL.data, None}:
        ours = rows(groups.pop(paper.PROTOCOL, [])) + chosen_rows(found, paper.PROTOCOL)
        names = {row.model for row in ours}
        papers = sorted(paper_rows(), key=lambda row: (row.source, row.model not in names))
        tables.append(Table(paper.PROTOCOL, ours + papers))
    return tables + [
        Table(protocol, rows(groups[protocol], protocol.name) + chosen_rows(found, protocol))
        for protocol in sorted(groups, key=_order)
    ]


def put_into(readme: Path, text: str, protocol: str = PAPER) -> None:
    """Replace the text between the two marks in a Markdown file. Raises UserError without them."""
    begin, end = _MARKS
    if protocol != PAPER:
        begin = begin.replace(_COMMAND, f"{_COMMAND} --protocol {protocol}")
    try:
        before, rest = readme.read_text().split(begin)
        _, after = rest.split(end, 1)
    except (OSError, ValueError) as error:
        raise UserError(f"{readme}: needs one line '{begin}' and one '{end}' below it") from error
    write_text(readme, f"{before}{begin}\n\n{text}\n\n{end}{after}")


def as_text(tables: list[Table]) -> str:
    """Return the tables in Markdown, each under a line that names data set and protocol."""
    blocks = []
    for table in tables:
        blocks += [f"**{table.title}**: {table.about}", _markdown(table)]
    return "\n\n".join(blocks + notes(tables))


def notes(tables: list[Table]) -> list[str]:
    """Return the lines that explain headings of columns with scores, quotes, unknown data sets."""
    used = {c for table in tables if table.protocol.name == PAPER for c in table.used}
    found = [
        f"{paper.heading(column)}: {note}" for column, note in paper.NOTES.items() if column in used
    ]
    if any(row.source == "quoted" for table in tables for row in table.rows):
        found.append(paper.QUOTED_NOTE)
    unknown = any(table.protocol.data is None for table in tables)
    return found + ([_DATA_NOTE] if unknown else [])


def as_csv(tables: list[Table]) -> str:
    """Return all rows as CSV with all digits: data set, protocol, and means with their errors.

    `protocol` is "paper" where a row can be compared with the paper's, and empty where it quotes.
    """
    lines = []
    columns = _csv_columns(tables)
    for table in tables:
        by = table.protocol.name
        same: dict[str, Any] = {
            "data_set": table.protocol.data or "unknown",
            "protocol": "paper" if table.is_papers else table.protocol.text(),
        }
        if by != PAPER:
            same["protocol"] = f"{by}: {same['protocol']}"
        same |= {name: _or_empty(getattr(table.protocol, name)) for name in NUMBERS}
        for row in table.rows:
            line: dict[str, Any] = {"source": row.source, "model": row.model}
            line |= {"batches": _or_empty(row.batches), "runs": _or_empty(row.runs), **same}
            for (protocol, column), name in columns.items():
                if protocol == by:
                    line |= {name: row.mean(column), f"{name} s.e.": row.error(column)}
            if row.source == "quoted":
                line |= dict.fromkeys(("protocol", *NUMBERS), "")
            lines.append(line)
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n")


def _csv_columns(tables: list[Table]) -> dict[tuple[str, str], str]:
    """Return (protocol, heading) -> name in CSV files, for all columns of the tables."""
    used = {(table.protocol.name, column) for table in tables for column in table.columns}
    return {
        (protocol, column): column if protocol == PAPER and column in COLUMNS else score
        for protocol in dict.fromkeys((PAPER, *(name for name, _ in sorted(used))))
        for column, score in columns_of(protocol).items()
        if (protocol, column) in used
    }


def draw(tables: list[Table], path: Path) -> None:
    """Draw the tables one below the other: a panel per column, a bar with its error per row."""
    from matplotlib.figure import Figure

    heights = [1.3 + 0.35 * len(table.rows) for table in tables]
    width = 2 * max(len(table.columns) for table in tables) + 3
    figure = Figure((width, sum(heights)), layout="constrained")
    blocks = figure.subfigures(len(tables), 1, squeeze=False, height_ratios=heights)[:, 0]
    for table, block in zip(tables, blocks, strict=True):
        title = textwrap.fill(f"{table.title}: {table.about}", 12 * width)
        block.suptitle(title, weight="bold", size=11)
        _draw_panels(table, block.subplots(1, len(table.columns), sharey=True, squeeze=False)[0])
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _draw_panels(table: Table, panels: np.ndarray) -> None:
    colors = ["tab:blue" if row.source == "ours" else "lightgray" for row in table.rows]
    places = range(len(table.rows))
    for panel, column in zip(panels, table.columns, strict=True):
        means = [row.mean(column) for row in table.rows]
        errors = np.nan_to_num([row.error(column) for row in table.rows])
        panel.barh(places, means, xerr=errors, color=colors)
        panel.set_title(_heading(table, column), size=10)
        if column not in RANDOM_FEATURES:
            panel.set_xlim(0, 1)
    panels[0].set_yticks(places, [f"{row.model}, {row.source}" for row in table.rows])
    panels[0].invert_yaxis()


def protocol_title(name: str) -> str:
    """Return what tables call a protocol."""
    from disentanglement.evaluation.named_protocols import PROTOCOLS  # takes seconds to import

    return PROTOCOLS[name].title if name in PROTOCOLS else f"protocol {name}"


def _heading(table: Table, column: str) -> str:
    return paper.heading(column) if table.protocol.name == PAPER else column


def _order(protocol: ImageProtocol) -> tuple[int, int, str, str]:
    """Return a key that puts the paper's data set first and unknown ones last."""
    place = {paper.PROTOCOL.data: 0, None: 2}.get(protocol.data, 1)
    return int(protocol.name != PAPER), place, protocol.data or "", protocol.text()


def _markdown(table: Table) -> str:
    """Return a Markdown table with aligned columns."""
    headings = [_heading(table, column) for column in table.columns]
    lines = [["", "model", "batches", "runs", *headings]]
    for row in table.rows:
        numbers = ["" if n is None else f"{n:,}" for n in (row.batches, row.runs)]
        lines.append([row.source, row.model, *numbers, *map(row.cell, table.columns)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |" for line in lines
    )


def _or_empty(number: int | None) -> int | str:
    return "" if number is None else number
