"""python -m disentanglement.curves RUN...: a score against batches, from the runs' metric.csv."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from disentanglement import console, records
from disentanglement.config import nearest
from disentanglement.data.labels import label_of
from disentanglement.errors import UserError
from disentanglement.evaluation import paper
from disentanglement.evaluation.score_records import dataset_name
from disentanglement.files import atomic_path
from disentanglement.vae_config import OBJECTIVES
from disentanglement.wording import counted

FILE = "metric.csv"


@dataclass(frozen=True)
class Curve:
    """The scores of a run during training.

    Attributes:
        label: The run's folder, as far as it differs from the others'.
        about: What the run trains, on which data, e.g. "InfoGAN-CR on dSprites"; "" if unknown.
        batches: After how many batches the run was scored: [n], 0 for the untrained model.
        scores: The scores, [n].
    """

    label: str
    about: str
    batches: np.ndarray
    scores: np.ndarray


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.curves",
        description="Draw a score of runs against batches, all runs in one picture, with the "
        "paper's value as a dashed line.",
    )
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, or folders of them")
    parser.add_argument("--metric", default="factor_vae", help="a column of metric.csv")
    parser.add_argument("--out", type=Path, default=Path("curves.png"), metavar="OUT.png")
    parser.add_argument("--force", action="store_true", help="replace the picture if it exists")
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _main(options))


def _main(options: argparse.Namespace) -> int:
    out = options.out
    console.check_picture("--out", out)
    console.check_new(out, options.force)
    folders = find_runs(options.runs)
    curves = read_curves(folders, options.metric)
    draw(curves, options.metric, papers_values(folders, options.metric), out)
    for curve in curves:
        last = f"{curve.scores[-1]:.3f} after {counted(curve.batches[-1], 'batch', 'batches')}"
        print(f"{curve.label}: {options.metric} {last}")
    print(f"curves: {out}")
    return 0


def find_runs(paths: list[Path]) -> list[Path]:
    """Return the folders with a metric.csv in `paths`; those that were set aside are left out.

    Raises:
        UserError: A path does not exist, or there is no run at all.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such folder")
        for file in sorted(path.rglob(FILE)):
            if not any(".old-" in part for part in file.relative_to(path).parts):
                found[file.parent.resolve()] = None
    if not found:
        raise UserError(
            f"no {FILE} in {', '.join(map(str, paths))}: train a run there first (with metric_freq "
            "0, it has none)"
        )
    return list(found)


def read_curves(folders: list[Path], metric: str) -> list[Curve]:
    """Return the curve of each run that has been scored by this metric.

    Raises:
        UserError: A file is damaged, or no run has the metric.
    """
    above = 2 if len(folders) == 1 else 1  # of a single run, show the folder that it is in
    start = Path(os.path.commonpath([folder.parents[above - 1] for folder in folders]))
    curves, names = [], set()
    for folder in folders:
        table = read_table(folder / FILE)
        names |= set(table.columns)
        if metric in table:
            scored = table.dropna(subset=[metric])
            batches = scored["global_id"].to_numpy() + 1
            label = str(folder.relative_to(start))
            about = _about(folder)
            curves.append(Curve(label, about, batches, scored[metric].to_numpy(float)))
    curves = [curve for curve in curves if len(curve.scores)]
    if not curves:
        known = sorted(names - {"epoch_id", "batch_id", "global_id"})
        raise UserError(
            f"no run was scored by '{metric}' (there is {', '.join(known) or 'no score'})"
            f"{nearest(metric, known)}"
        )
    return curves


def read_table(path: Path) -> pd.DataFrame:
    """Return the content of a metric.csv: a row per evaluation, every column numbers.

    Raises:
        UserError: The file is damaged.
    """
    try:
        table = pd.read_csv(path)
        if "global_id" not in table:
            raise ValueError("no column global_id")
        return table.apply(pd.to_numeric)
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise UserError(f"{path}: not a metric table ({error})") from error


def papers_values(folders: list[Path], metric: str) -> dict[str, float]:
    """Return the paper's mean scores of the models that these runs train on dSprites, by name."""
    columns = list(paper.COLUMNS.values())
    if metric not in columns:
        return {}
    models = filter(None, (_papers_model(records.read(folder)) for folder in folders))
    texts = {model: paper.SCORES[model][1] for model in models if model in paper.SCORES}
    return {model: float(text.split()[2 * columns.index(metric)]) for model, text in texts.items()}


def draw(curves: list[Curve], metric: str, paper_values: dict[str, float], path: Path) -> None:
    """Draw the curves, and a dashed line for each of the paper's values, by model."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    lines = len(curves) + len(paper_values)
    figure = Figure((8, 3.2 + 0.18 * lines), layout="constrained")  # the legend needs a row each
    axes = figure.subplots()
    if len(curves) > 10:
        axes.set_prop_cycle("color", colormaps["tab20"](range(20)))
    colors: dict[str, Any] = {}  # of each model's first run on the paper's data
    for curve in curves:
        label = f"{curve.label} {curve.about}".rstrip()
        (line,) = axes.plot(curve.batches, curve.scores, marker="o", markersize=3, label=label)
        model, _, data = curve.about.rpartition(" on ")
        if data == paper.PROTOCOL.data:
            colors.setdefault(model, line.get_color())
    for model, value in paper_values.items():
        label = (
            f"paper: {model} on dSprites, {value:.2f} after {paper.batches(model) or 0:,} batches"
        )
        axes.axhline(value, color=colors.get(model, "black"), linestyle="--", label=label)
    usual = next((name for name, column in paper.COLUMNS.items() if column == metric), None)
    ylabel = f"{usual} score ({metric})" if usual else metric
    axes.set(xlabel="batches", ylabel=ylabel, xlim=(0, None))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=1, fontsize="x-small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _papers_model(record: dict[str, Any]) -> str | None:
    """Return the name in the paper's Table 1 of what a run trains; None on other data."""
    config, data = records.part(record, "config"), records.part(record, "data")
    if data.get("dataset", paper.DATA) != paper.DATA:  # records of old versions name no data
        return None
    return _model(config)


def _about(folder: Path) -> str:
    """Return what a run trains and on which data, as far as its records tell."""
    record = records.read(folder)
    model, data = (
        _model(records.part(record, "config")),
        records.part(record, "data").get("dataset"),
    )
    data = data or dataset_name(records.read(folder, "final_metrics.json"))
    return " on ".join(filter(None, (model, data and label_of(data))))


def _model(config: dict[str, Any]) -> str | None:
    if isinstance(config.get("tc_coe"), int | float):
        return f"FactorVAE ({config['tc_coe']:g})"
    if objective := OBJECTIVES.get(config.get("objective", "")):
        return objective.named(config)
    return "InfoGAN-CR" if "cr_coe_increase" in config else None
