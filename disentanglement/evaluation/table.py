"""python -m disentanglement.table RESULTS...: our scores beside the paper's, over many runs."""

import argparse
import csv
import io
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from disentanglement import console, records
from disentanglement.errors import UserError
from disentanglement.files import atomic_path, write_text

# Table 1 of the paper, in its order, and the scores here.
COLUMNS = {
    "FactorVAE": "factor_vae",
    "DCI": "dci_rf_ibgan.disentanglement",
    "SAP": "sap",
    "Explicitness": "explicitness",
    "Modularity": "modularity",
    "MIG": "mig",
    "BetaVAE": "beta_vae",
}
# (mean, standard error) on dSprites, arXiv 1906.06034, Table 1.
PAPER = {
    "InfoGAN (modified)": (50, ".82 .01 .60 .02 .41 .02 .82 .00 .94 .01 .22 .01 .87 .01"),
    "InfoGAN-CR": (50, ".88 .01 .71 .01 .58 .01 .85 .00 .96 .00 .37 .01 .95 .01"),
    "InfoGAN-CR, the paper's first version": (None, ".90 .01 .74 .01" + " nan nan" * 5),
    "FactorVAE (1)": (None, ".79 .01 .67 .03 .47 .03 .78 .01 .79 .01 .27 .03 .79 .02"),
    "FactorVAE (10)": (None, ".83 .01 .70 .02 .57 .00 .79 .00 .79 .00 .40 .01 .83 .01"),
    "FactorVAE (20)": (None, ".83 .01 .72 .02 .57 .00 .79 .00 .79 .01 .40 .01 .85 .00"),
    "FactorVAE (40)": (None, ".82 .01 .74 .01 .56 .00 .79 .00 .77 .01 .43 .01 .84 .01"),
    "InfoGAN-CR, chosen by ModelCentrality": (
        1,
        ".92 nan .77 nan .65 nan .87 nan .99 nan .45 nan .99 nan",
    ),
    "FactorVAE, chosen by ModelCentrality": (
        1,
        ".84 nan .73 nan .58 nan .80 nan .82 nan .37 nan .86 nan",
    ),
}

# Data sets other than that of the paper's table, by what records call them.
OTHER_DATA = {"Teapots": "3D teapots", "CelebA": "CelebA", "StandInFaces": "stand-in faces"}

_MARKS = ("<!-- table: python -m disentanglement.table -->", "<!-- end of table -->")


@dataclass(frozen=True)
class Row:
    """A model's scores over runs: per column the mean and the standard error, NaN if unknown.

    counts: how many of the runs have the score.
    """

    source: str
    model: str
    batches: int | None
    runs: int | None
    means: np.ndarray
    errors: np.ndarray
    counts: np.ndarray


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.table",
        description="Mean and standard error over runs, in the columns of the paper's Table 1.",
    )
    parser.add_argument(
        "results", nargs="+", type=Path, help="score records, or folders searched for them"
    )
    parser.add_argument("--csv", type=Path, metavar="OUT", help="write the table there too")
    parser.add_argument(
        "--readme", type=Path, metavar="FILE.md", help=f"replace the table there, after {_MARKS[0]}"
    )
    parser.add_argument("--picture", type=Path, metavar="OUT.png", help="draw the table there")
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _main(options))


def _main(options):
    if options.picture and options.picture.suffix not in (".png", ".pdf", ".svg"):
        raise UserError(f"--picture {options.picture}: the name must end in .png, .pdf or .svg")
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


def compare(found: dict[Path, dict]) -> list[Row]:
    """Our rows, then the paper's, first those of the same models.

    The paper's scores are of dSprites: they are left out where all of ours are of other data.
    """
    ours = rows(list(found.values()))
    if all(_dataset(content) in OTHER_DATA for content in found.values()):
        return ours
    names = {row.model for row in ours}
    return ours + sorted(paper_rows(), key=lambda row: row.model not in names)


def put_into(readme: Path, text: str) -> None:
    """Replace what stands between the two marks in a Markdown file. Raises UserError."""
    begin, end = _MARKS
    try:
        before, rest = readme.read_text().split(begin)
        _, after = rest.split(end)
    except (OSError, ValueError) as error:
        raise UserError(f"{readme}: needs one line '{begin}' and one '{end}' below it") from error
    write_text(readme, f"{before}{begin}\n\n{text}\n\n{end}{after}")


def find_records(paths: list[Path]) -> dict[Path, dict]:
    """The score records in files and folders, by file.

    In folders, what is set aside (`.old-<n>`), half written or not a record is left out, and so is
    a second record of the same checkpoint. Raises UserError for a named file that is no record,
    and if there is none at all.
    """
    found, models = {}, {}
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            content = _read(file, must=not path.is_dir(), inside=path)
            if content is None:
                continue
            model = content["model"]
            key = (model.get("name"), model.get("run"), model.get("checkpoint") or file.resolve())
            if models.setdefault(key, file.resolve()) == file.resolve():
                found[file.resolve()] = content
            else:
                print(f"note: {file} is left out: a copy of {models[key]}", file=sys.stderr)
    if not found:
        raise UserError(
            f"no scores in {', '.join(map(str, paths))}: main_final_metrics.py makes them"
        )
    return found


def _read(file, must, inside):
    """The record in `file`; None if it is none, for which a named file (`must`) is an error."""
    if not must:
        names = file.relative_to(inside).parts
        if any(".old-" in name or name.startswith(".") for name in names):
            return None
    try:
        content = records.read(file.parent, file.name)
    except UserError:
        if must:
            raise
        print(f"note: {file} is left out: not readable as JSON", file=sys.stderr)
        return None
    if _is_record(content):
        return content
    if must:
        raise UserError(f"{file}: not a record of scores")
    return None


def _is_record(content):
    model, scores = content.get("model"), content.get("scores")
    return (
        isinstance(model, dict)
        and isinstance(scores, dict)
        and all(isinstance(value, int | float) for value in scores.values())
        and isinstance(model.get("name", ""), str)
        and isinstance(model.get("batches", 0), int)
        and isinstance(model.get("config", {}), dict)
    )


def rows(records: list[dict]) -> list[Row]:
    """One row for each model: records that differ in the model's `run` only are averaged."""
    groups = {}
    for found in records:
        groups.setdefault(_key(found), []).append(found)
    ordered = [groups[key] for key in sorted(groups)]
    return [_row(members, _name(members[0], ordered)) for members in ordered]


def paper_rows() -> list[Row]:
    """The paper's values."""
    result = []
    for model, (runs, text) in PAPER.items():
        numbers = np.array(text.split(), dtype=float)
        counts = np.full(len(COLUMNS), runs or 0)
        result.append(Row("paper", model, None, runs, numbers[0::2], numbers[1::2], counts))
    return result


def as_text(table: list[Row]) -> str:
    """A Markdown table, columns aligned."""
    lines = [["", "model", "batches", "runs", *COLUMNS]]
    for row in table:
        cells = [_cell(row, i) for i in range(len(COLUMNS))]
        lines.append([row.source, row.model, _number(row.batches), _number(row.runs), *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |" for line in lines
    )


def as_csv(table: list[Row]) -> str:
    """The same with all digits: a mean and a standard error per column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    pairs = [name for column in COLUMNS for name in (column, f"{column} s.e.")]
    writer.writerow(["source", "model", "batches", "runs", *pairs])
    for row in table:
        numbers = np.stack([row.means, row.errors], axis=1).ravel()
        cells = ["" if math.isnan(x) else repr(float(x)) for x in numbers]
        writer.writerow([row.source, row.model, row.batches or "", row.runs or "", *cells])
    return text.getvalue()


def draw(table: list[Row], path: Path) -> None:
    """A picture: a panel per column, a bar per row with its standard error."""
    from matplotlib.figure import Figure

    labels = [f"{row.model}, {row.source}" for row in table]
    figure = Figure((2 * len(COLUMNS) + 3, 1 + 0.35 * len(table)), layout="constrained")
    panels = figure.subplots(1, len(COLUMNS), sharey=True)
    colors = ["tab:blue" if row.source == "ours" else "lightgray" for row in table]
    for i, (panel, column) in enumerate(zip(panels, COLUMNS, strict=True)):
        means = [row.means[i] for row in table]
        errors = np.nan_to_num([row.errors[i] for row in table])
        panel.barh(range(len(table)), means, xerr=errors, color=colors)
        panel.set(title=column, xlim=(0, 1))
    panels[0].set_yticks(range(len(table)), labels)
    panels[0].invert_yaxis()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _key(found):
    """Equal for records that may be averaged."""
    model = found["model"]
    config = {key: value for key, value in model.get("config", {}).items() if key != "run"}
    alone = None if "run" in model else id(found)
    same = json.dumps([config, found.get("protocol"), alone], sort_keys=True)
    return model.get("name", "(no name)"), model.get("batches", 0), same


def _name(found, groups):
    """The model's name, with the keys of its config that others of this name do not share."""
    name, config = found["model"].get("name", "(no name)"), found["model"].get("config", {})
    others = [
        other["model"].get("config", {})
        for other, *_ in groups
        if other["model"].get("name") == found["model"].get("name")
        and _dataset(other) == _dataset(found)
    ]
    own = [
        f"{key}={value}"
        for key, value in config.items()
        if key != "run" and any(other.get(key) != value for other in others)
    ]
    if (dataset := _dataset(found)) in OTHER_DATA:
        name = f"{name}, {OTHER_DATA[dataset]}"
    return f"{name} ({', '.join(own)})" if own else name


def _dataset(found):
    protocol = found.get("protocol")
    return protocol.get("dataset") if isinstance(protocol, dict) else None


def _row(records, name):
    scores = np.array(
        [[found["scores"].get(name, np.nan) for name in COLUMNS.values()] for found in records],
        dtype=float,
    )
    there = ~np.isnan(scores)
    counts = there.sum(axis=0)
    means = np.full(len(COLUMNS), np.nan)
    errors = means.copy()
    for i, n in enumerate(counts):
        values = scores[there[:, i], i]
        if n:
            means[i] = values.mean()
        if n > 1:
            errors[i] = values.std(ddof=1) / math.sqrt(n)
    batches = records[0]["model"].get("batches")
    return Row("ours", name, batches, len(records), means, errors, counts)


def _cell(row, i):
    mean, error = row.means[i], row.errors[i]
    if math.isnan(mean):
        return ""
    text = f"{mean:.2f}" if math.isnan(error) else f"{mean:.2f} ± {error:.2f}"
    return text if row.counts[i] == (row.runs or 0) else f"{text} (of {row.counts[i]})"


def _number(value):
    return "" if value is None else f"{value:,}"
