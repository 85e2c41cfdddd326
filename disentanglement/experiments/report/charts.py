"""The learning curves of all runs: a Bokeh chart per metric, as JSON for the page's script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from disentanglement.evaluation import curves, paper
from disentanglement.experiments.report.collect import Run
from disentanglement.training.position import UNTRAINED

# Readable on white and on the dark background: a contrast of at least 3 on both.
COLORS = (
    "#2f7fd6", "#c8690a", "#2b9348", "#d64550", "#9467d8",
    "#a0703c", "#cf5fa8", "#1b8f98", "#83861a", "#7c8592",
)  # fmt: skip
_DASHES = ("solid", "dashed", "dotted", "dashdot")
_POINTS = 40_000  # in all charts together: more would make the page large
_DOTS = 1_000  # of one chart that are drawn; more would hide the lines, but can be pointed at
_TOOLTIPS = 5  # at one place
_HEIGHT = 300


@dataclass(frozen=True)
class Chart:
    """The learning curves of a metric.

    Attributes:
        metric: Its column in metric.csv.
        item: The chart, for Bokeh.embed.embed_item.
        paper: The paper's score of each model that these runs train, in words.
        thinned: Whether points were left out.
    """

    metric: str
    item: Mapping[str, Any]
    paper: tuple[str, ...]
    thinned: bool


def color(number: int) -> str:
    """Return the colour of a run, given its place in the list of runs."""
    return COLORS[number % len(COLORS)]


def dash(number: int) -> str:
    """Return the line style of a run, which tells it from others of the same colour."""
    return _DASHES[number // len(COLORS) % len(_DASHES)]


def charts(runs: Sequence[Run]) -> list[Chart]:
    """Return a chart for each metric that any run has scores of."""
    names = dict.fromkeys(name for run in runs for name in run.table if name not in vars(UNTRAINED))
    found = {name: _curves(runs, name) for name in names}
    found = {name: points for name, points in found.items() if points}
    limit = max(20, _POINTS // max(1, sum(map(len, found.values()))))
    return [_chart(runs, name, points, limit) for name, points in found.items()]


def _curves(runs: Sequence[Run], metric: str) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return batches and scores of each run that has finite scores, by the run's place."""
    found = {}
    for i, run in enumerate(runs):
        if metric in run.table:
            scores = run.table[metric].to_numpy(float)
            known = np.isfinite(scores) & np.isfinite(run.table["global_id"].to_numpy(float))
            if known.any():
                batches = run.table["global_id"].to_numpy(float)[known] + 1
                found[i] = (batches, scores[known])
    return found


def _chart(
    runs: Sequence[Run],
    metric: str,
    points: dict[int, tuple[np.ndarray, np.ndarray]],
    limit: int,
) -> Chart:
    from bokeh.embed import json_item

    thinned = any(len(batches) > limit for batches, _ in points.values())
    shown = {i: (_thin(x, limit), _thin(y, limit)) for i, (x, y) in points.items()}
    known = [runs[i].folder for i in points if runs[i].record]
    values = curves.papers_values(known, metric)
    words = tuple(
        f"{model}: {value:.2f} after {paper.batches(model) or 0:,} batches"
        for model, value in values.items()
    )
    figure = _figure(runs, metric, shown, sorted(set(values.values())))
    return Chart(metric, json_item(figure), words, thinned)


def _thin(values: np.ndarray, limit: int) -> np.ndarray:
    """Return at most `limit` of the values, evenly spread, with the first and the last."""
    if len(values) <= limit:
        return values
    return values[np.linspace(0, len(values) - 1, limit).round().astype(int)]


def _alphas(counts: Sequence[int]) -> np.ndarray:
    """Return how opaque each dot is, given the number of points of each curve."""
    few = sum(counts) <= _DOTS
    return np.repeat([float(few or n == 1) for n in counts], counts).astype(np.float32)


def _figure(
    runs: Sequence[Run],
    metric: str,
    shown: dict[int, tuple[np.ndarray, np.ndarray]],
    papers: Sequence[float],
) -> Any:
    """Return the figure. The page's script sets its colours, and shows and hides runs.

    Every row of the two sources has the run's place in `number`, and the filters are named.
    """
    from bokeh.models import (
        BooleanFilter,
        CDSView,
        ColumnDataSource,
        HoverTool,
        NumeralTickFormatter,
        Range1d,
    )
    from bokeh.models.annotations import Span
    from bokeh.plotting import figure

    x, y = (np.concatenate(values) for values in zip(*shown.values(), strict=True))
    low, high = min([y.min(), *papers]), max([y.max(), *papers])
    margin, space = 0.05 * (high - low) or 0.1, 0.02 * (x.max() - x.min()) or 1.0
    plot = figure(
        height=_HEIGHT,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        active_drag=None,  # so that a finger still scrolls the page
        x_axis_label="batches",
        y_axis_label=metric,
        # Fixed, so that they stay when runs are hidden.
        x_range=Range1d(x.min() - space, x.max() + space),
        y_range=Range1d(low - margin, high + margin),
    )
    plot.toolbar.logo = None
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    lines = ColumnDataSource(
        {
            "number": list(shown),
            "x": [x.tolist() for x, _ in shown.values()],
            "y": [y.round(6).tolist() for _, y in shown.values()],
            "color": [color(i) for i in shown],
            "dash": [dash(i) for i in shown],
        }
    )
    counts = [len(x) for x, _ in shown.values()]
    numbers = [i for i, n in zip(shown, counts, strict=True) for _ in range(n)]
    dots = ColumnDataSource(
        {
            "number": np.array(numbers, np.int32),
            "x": x.astype(np.float32),
            "y": y.astype(np.float32),
            "color": [color(i) for i in numbers],
            "alpha": _alphas(counts),
            "run": [runs[i].label for i in numbers],
        }
    )
    views = [
        CDSView(filter=BooleanFilter(booleans=[True] * n, name="shown"))
        for n in (len(shown), len(numbers))
    ]
    plot.multi_line(
        "x", "y", source=lines, view=views[0], color="color", line_dash="dash", line_width=2
    )
    drawn = plot.scatter("x", "y", source=dots, view=views[1], color="color", alpha="alpha", size=6)
    tooltips = [("run", "@run"), ("batches", "@x{0,0}"), (metric, "@y{0.0000}")]
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=tooltips, limit=_TOOLTIPS))
    for value in papers:
        line = Span(location=value, dimension="width", line_dash="dashed", name="paper")
        plot.add_layout(line)
    return plot
