"""A picture of Table 1: our rows beside the paper's, models by metrics."""

from pathlib import Path

import numpy as np

from disentanglement.evaluation import paper
from disentanglement.evaluation.table import Table, as_csv, notes
from disentanglement.evaluation.table_rows import Row
from disentanglement.files import atomic_path

SOURCE = "Source"  # the picture's entry that holds the table as CSV
_OURS, _BAND = "#dbe9f6", "#f5f5f5"  # backgrounds: our rows, every second one of the others
_INCH, _LINE = 0.085, 0.27  # of a character, of a line
_GAP = 2.5  # characters between two columns


def draw(tables: list[Table], path: Path) -> None:
    """Draw the table with the paper's rows as text, ours marked; the PNG also holds it as CSV.

    Args:
        tables: See `table.compare`; those of other data or protocols are left out.
        path: A PNG file.
    """
    from matplotlib.figure import Figure

    (table,) = (table for table in tables if table.is_papers)
    lines, below = _cells(table), _notes(table)
    widths = [max(map(len, column)) + _GAP for column in zip(*lines, strict=True)]
    height = len(lines) + len(below) + 1.9
    figure = Figure(figsize=(sum(widths) * _INCH + 0.3, height * _LINE))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-1.5, sum(widths) + 1), ylim=(height - 1.9, -1.9))
    axes.axis("off")
    axes.text(0, -1.2, "Table 1: disentanglement on dSprites", weight="bold", size=12, va="center")
    for y, line in enumerate(lines):
        ours = y > 0 and table.rows[y - 1].source == "ours"
        if ours or y % 2:
            axes.axhspan(y - 0.5, y + 0.5, color=_OURS if ours else _BAND, lw=0, zorder=0)
        if y == 0:
            axes.axhline(0.5, color="black", lw=0.8)
        weight = "bold" if ours or y == 0 else "normal"
        for x, width, text, i in zip(_starts(widths), widths, line, range(len(line)), strict=True):
            left = i < 2  # source and model
            x, align = (x, "left") if left else (x + (width - _GAP) / 2, "center")
            axes.text(x, y, text, ha=align, va="center", size=9.5, weight=weight)
    for i, note in enumerate(below):
        axes.text(0, len(lines) + 0.3 + i, note, va="center", size=9, color="#333333")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, metadata={SOURCE: as_csv([table])})


def shares_of_training(rows: list[Row]) -> dict[str, list[str]]:
    """Return our models by their share of the paper's batches, e.g. "1/20".

    Models that were trained for as long as the paper's, or that it does not have, are left out.
    """
    shares: dict[str, list[str]] = {}
    for row in rows:
        full = paper.batches(row.model)
        if row.source == "ours" and row.batches and full and round(full / row.batches) > 1:
            shares.setdefault(f"1/{round(full / row.batches)}", []).append(row.model)
    return shares


def _starts(widths: list[float]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(widths)[:-1]])


def _cells(table: Table) -> list[list[str]]:
    lines = [["", "Model", "Batches", "Runs", *map(paper.heading, table.columns)]]
    for row in table.rows:
        batches = paper.batches(row.model) if row.source == "paper" else row.batches
        numbers = ["" if value is None else f"{value:,}" for value in (batches, row.runs)]
        lines.append([row.source, row.model, *numbers, *map(row.cell, table.columns)])
    return lines


def _notes(table: Table) -> list[str]:
    found = ["Blue: our runs. Mean ± standard error over runs; a single run has no error."]
    for share, models in shares_of_training(table.rows).items():
        found.append(f"Trained for {share} of the paper's batches: our {' and our '.join(models)}.")
    return [*found, f"Protocol: {table.protocol.text()}.", *notes([table])]
