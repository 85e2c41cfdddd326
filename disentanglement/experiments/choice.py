"""The model that was chosen without labels: a record, a picture, and lines for the terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from disentanglement import records
from disentanglement.evaluation.cross_scores import Candidate
from disentanglement.evaluation.paper import COLUMNS
from disentanglement.experiments.status import short_names
from disentanglement.files import atomic_path, keep_old
from disentanglement.selection.ranking import are_tied, rank_correlation, ranking
from disentanglement.wording import counted

CENTRALITY, UDR_LASSO, UDR_SPEARMAN = "model-centrality", "udr-lasso", "udr-spearman"
METHODS = {
    CENTRALITY: "ModelCentrality",
    UDR_LASSO: "UDR Lasso",
    UDR_SPEARMAN: "UDR Spearman",
}
_SHOWN = 12  # models whose scores are written into the cells of the picture, at most


@dataclass(frozen=True)
class Choice:
    """What a method says of models.

    Attributes:
        method: One of `METHODS`.
        candidates: The models.
        matrix: [n, n], the scores of all pairs; row i, column j: encoder i on the images of
            generator j, or latents of model i that predict those of j.
        scores: [n], the models' scores.
        protocol: What else the scores depend on, as JSON values.
        notes: Lines on what went wrong, e.g. dead codes.
    """

    method: str
    candidates: Sequence[Candidate]
    matrix: np.ndarray
    scores: np.ndarray
    protocol: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @property
    def order(self) -> list[int]:
        """The positions of the models, best first."""
        return ranking(self.scores)

    @property
    def chosen(self) -> Candidate:
        """The best model."""
        return self.candidates[self.order[0]]

    def agreement(self) -> dict[str, float]:
        """Return the rank correlation with each supervised score that all models have."""
        found = {}
        for column, name in COLUMNS.items():
            if all(name in each.scores for each in self.candidates):
                found[column] = rank_correlation(
                    self.scores, [each.scores[name] for each in self.candidates]
                )
        return {column: value for column, value in found.items() if not math.isnan(value)}

    def record(self, experiment: str) -> dict[str, Any]:
        """Return the choice as a JSON value."""
        models = [
            {
                "name": each.name,
                "run": each.run,
                "weights": each.weights,
                "checkpoint": each.checkpoint,
                "batches": each.batches,
                "score": float(self.scores[i]),
                "rank": self.order.index(i) + 1,
                "supervised": {k: each.scores[k] for k in COLUMNS.values() if k in each.scores},
            }
            for i, each in enumerate(self.candidates)
        ]
        return {
            "method": self.method,
            "experiment": experiment,
            "chosen": self.chosen.name,
            "protocol": self.protocol,
            "models": models,
            "matrix": [[None if math.isnan(x) else x for x in row] for row in self.matrix.tolist()],
            "rank_correlation": self.agreement(),
            "notes": self.notes,
            "made": records.now(),
            **records.environment(),
        }

    def save(self, folder: Path, experiment: str) -> Path:
        """Write <method>.json and <method>.png; a record about other models is set aside."""
        name = f"{self.method.replace('-', '_')}.json"
        path, record = folder / name, self.record(experiment)
        if path.exists() and not _is_same(records.read(folder, name), record):
            keep_old(path)
        records.save(folder, record, name)
        self.draw(path.with_suffix(".png"))
        return path

    def lines(self) -> list[str]:
        """Return the ranking, what the choice agrees with, and the notes, for a terminal."""
        columns = [
            c for c, name in COLUMNS.items() if any(name in m.scores for m in self.candidates)
        ]
        heading = ["rank", METHODS[self.method], *columns, "run"]
        table = [heading]
        for rank, i in enumerate(self.order, start=1):
            each = self.candidates[i]
            values = [each.scores.get(COLUMNS[column]) for column in columns]
            cells = ["" if value is None else f"{value:.3f}" for value in values]
            mark = "  <- chosen" if rank == 1 else ""
            table.append([str(rank), f"{self.scores[i]:.4f}", *cells, f"{each.name}{mark}"])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        if agreement := self.agreement():
            text = ", ".join(f"{column} {value:.2f}" for column, value in agreement.items())
            count = counted(len(self.candidates), "model")
            lines.append(f"rank correlation with supervised scores of {count}: {text}")
        if are_tied(self.scores):
            lines.append("note: all scores are the same, so the first run is as good as any")
        return lines + [f"note: {note}" for note in self.notes]

    def draw(self, path: Path) -> None:
        """Draw the matrix, with a frame around what the chosen model's score is made of."""
        from matplotlib.figure import Figure

        n = len(self.candidates)
        side = max(4.0, min(12.0, 1.5 + 0.55 * n))
        figure = Figure((side + 1.2, side), layout="constrained")
        axes = figure.subplots()
        shown = axes.imshow(self.matrix, vmin=0, vmax=1, cmap="viridis")
        names = _short([each.name for each in self.candidates])
        axes.set_xticks(range(n), names, rotation=90, fontsize=8)
        axes.set_yticks(range(n), names, fontsize=8)
        if n <= _SHOWN:
            for (i, j), value in np.ndenumerate(self.matrix):
                color = "black" if value > 0.6 else "white"
                axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
        best = self.order[0]
        for x, y, width, height in frames(self.method, best, n):
            xs, ys = (x, x + width, x + width, x), (y, y, y + height, y + height)
            axes.fill(xs, ys, fill=False, edgecolor="tab:red", linewidth=2, clip_on=False)
        centrality = self.method == CENTRALITY
        axes.set_xlabel("images of the generator of" if centrality else "latents to predict")
        axes.set_ylabel("encoder of" if centrality else "latents that predict")
        score = f"{self.scores[best]:.3f}"
        axes.set_title(f"{METHODS[self.method]}: {names[best]} is chosen ({score})", fontsize=10)
        label = "FactorVAE metric" if centrality else "correspondence"
        figure.colorbar(shown, label=label, shrink=0.8)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=100)


def frames(method: str, best: int, n: int) -> list[tuple[float, float, float, float]]:
    """Return where the scores of model `best` are in a picture of the matrix [n, n].

    Returns:
        Rectangles: x (columns), y (rows), width, height. ModelCentrality takes the model's row and
        its column, UDR its column.
    """
    row, column = (-0.5, best - 0.5, n, 1), (best - 0.5, -0.5, 1, n)
    return [row, column] if method == CENTRALITY else [column]


def _is_same(found: dict[str, Any], record: dict[str, Any]) -> bool:
    """Whether an earlier record is about the same models by the same protocol."""
    if found.get("protocol") != record["protocol"] or not isinstance(found.get("models"), list):
        return False
    weights = [m.get("weights") if isinstance(m, dict) else None for m in found["models"]]
    return weights == [model["weights"] for model in record["models"]]


def _short(names: list[str]) -> list[str]:
    shortened, _ = short_names(names)
    return [short or name for short, name in zip(shortened, names, strict=True)]
