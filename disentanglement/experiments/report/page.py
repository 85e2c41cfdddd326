"""The page: everything that `collect` has found, as one HTML file."""

import contextlib
import functools
import io
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from tqdm import tqdm

from disentanglement import records
from disentanglement.errors import UserError
from disentanglement.evaluation import paper, table
from disentanglement.evaluation.score_records import Record, find_records
from disentanglement.experiments.report.charts import charts, color, dash
from disentanglement.experiments.report.collect import Run, collect, loose_records
from disentanglement.experiments.report.heat_maps import heat_maps
from disentanglement.experiments.report.traversals import Strip, strip_of
from disentanglement.wording import counted, duration

MARK = '<meta name="generator" content="python -m disentanglement.report">'

_STRIPS = 5_000_000  # characters of traversals in a page
_TEMPLATES = Path(__file__).parent / "templates"
_FINAL = "final_metrics"  # starts the names of score files


@dataclass(frozen=True)
class Grid:
    """A plain table.

    Attributes:
        columns: The headings.
        rows: For each row the number of its run (None if of no run), its name and its cells.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int | None, str, tuple[str, ...]], ...]


def render(root: Path, watch: float | None = None) -> str:
    """Return the page on all runs in a folder.

    Args:
        root: The folder.
        watch: After how many seconds the page will be written anew; None if it will not.

    Raises:
        UserError: There is no run in the folder.
    """
    runs = collect(root)
    strips, left_out = _strips(runs)
    drawn = charts(runs)
    own, shared = _configs(runs)
    return _template().render(
        mark=MARK,
        title=root.resolve().name or str(root),
        written=records.now().replace("T", " "),
        watch=watch,
        summary=_summary(runs),
        runs=runs,
        colors=[(color(i), dash(i)) for i in range(len(runs))],
        overview=_overview(runs),
        problems=[(i, line) for i, run in enumerate(runs) for line in run.problems],
        config=own,
        shared=shared,
        charts=drawn,
        bokeh=_bokeh() if drawn else "",
        tables=_tables(root, runs),
        scores=_scores(runs),
        strips=strips,
        left_out=left_out,
        maps=_maps(runs),
        times=_times(runs),
    )


@functools.cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # Bokeh reads it in order
    environment.filters |= {"cell": table.Row.cell, "heading": paper.heading, "pieces": _pieces}
    return environment.get_template("report.html")


@functools.cache
def _bokeh() -> str:
    """Return the script that draws the charts, from the installed package."""
    from bokeh.resources import Resources

    return Resources(mode="inline", components=["bokeh"], log_level="error").js_raw[0]


def _pieces(label: str) -> list[str]:
    """Return the parts of a label, between which a line may break."""
    return re.findall("[^/,]*[/,]+|[^/,]+", label)


def _summary(runs: Sequence[Run]) -> str:
    states = Counter(run.state.name for run in runs)
    words = (f"{count:,} {name}" for name, count in states.most_common())
    return f"{counted(len(runs), 'run')}: {', '.join(words)}"


def _overview(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Return what the first table says of each run."""
    found = []
    for run in runs:
        state, left = run.state, run.state.activity.get("seconds_left")
        score = next((f"{k} {_number(v)}" for k, v in state.scores.items()), "")
        batches = f"{state.batches:,} of {state.total:,}" if state.total else ""
        if not state.total and state.batches:
            batches = f"{state.batches:,}"
        done = min(100, round(100 * state.batches / state.total)) if state.total else 0
        found.append(
            {
                "batches": batches,
                "done": str(done),
                "left": tqdm.format_interval(left) if left else "",
                "score": score,
                "note": state.note(),
            }
        )
    return found


def _configs(runs: Sequence[Run]) -> tuple[Grid, list[tuple[str, str]]]:
    """Return the keys whose values differ, by run, and the keys and values that all share."""
    configs = [run.config for run in runs]
    known = [config for config in configs if config]
    keys = dict.fromkeys(key for config in known for key in config)
    values = {key: [_value(config, key) for config in known] for key in keys}
    differing = [key for key in keys if len(set(values[key])) > 1]
    rows = tuple(
        (i, run.label, tuple(_value(run.config, key) for key in differing))
        for i, run in enumerate(runs)
        if run.config
    )
    shared = [(key, values[key][0]) for key in keys if key not in differing]
    return Grid(tuple(differing), rows), shared


def _value(config: Mapping[str, Any], key: str) -> str:
    if key not in config:
        return "-"
    value = config[key]
    return value if isinstance(value, str) else str(value)


def _tables(root: Path, runs: Sequence[Run]) -> list[table.Table]:
    """Return our mean scores beside the paper's, as python -m disentanglement.table has them."""
    files = [run.folder / name for run in runs for name in run.scores] + loose_records(root)
    if not files:
        return []
    with contextlib.redirect_stderr(io.StringIO()):  # its notes are on copies of a record
        try:
            return table.compare(find_records(files))
        except UserError:
            return []


def _scores(runs: Sequence[Run]) -> Grid:
    """Return every score of every scored model."""
    found = [
        (i, f"{run.label}{_snapshot(name)}", record)
        for i, run in enumerate(runs)
        for name, record in run.scores.items()
    ]
    columns = dict.fromkeys(score for _, _, record in found for score in record["scores"])
    rows = tuple(
        (i, name, tuple(_number(record["scores"].get(score)) for score in columns))
        for i, name, record in found
    )
    return Grid(tuple(columns), rows)


def _snapshot(name: str) -> str:
    """Return what the name of a score file says of the model, in brackets; '' for the final one."""
    words = name.removeprefix(_FINAL).removesuffix(".json").strip("_")
    return f" ({words})" if words else ""


def _strips(runs: Sequence[Run]) -> tuple[dict[int, Strip], list[str]]:
    """Return the traversals by run, and the labels of the runs whose would make the page large."""
    found, size, left_out = {}, 0, []
    for i, run in enumerate(runs):
        if size > _STRIPS:  # do not even read more of them
            left_out.append(run.label)
        elif strip := strip_of(run):
            size += len(strip.picture)
            if size > _STRIPS:
                left_out.append(run.label)
            else:
                found[i] = strip
    return found, left_out


def _maps(runs: Sequence[Run]) -> list[tuple[int, str, list]]:
    """Return the heat maps of every scored model, with its run's number and its name."""
    found = []
    for i, run in enumerate(runs):
        for name, record in run.scores.items():
            if drawn := heat_maps(record):
                found.append((i, f"{run.label}{_snapshot(name)}", drawn))
    return found


def _times(runs: Sequence[Run]) -> Grid:
    """Return when, how long, on what and with which versions each run was trained."""
    rows = []
    for i, run in enumerate(runs):
        record: Record = dict(run.record)
        if not record:
            continue
        hardware, versions = records.part(record, "hardware"), records.part(record, "versions")
        seconds, sessions = record.get("seconds"), record.get("sessions")
        devices, source = hardware.get("devices"), records.part(record, "source")
        cells = {
            "started": _text(record.get("started")).replace("T", " "),
            "training": duration(seconds) if _is_number(seconds) else "",
            "batches a second": _rate(run, seconds),
            "sessions": str(len(sessions)) if isinstance(sessions, list) else "",
            "devices": ", ".join(map(str, devices)) if isinstance(devices, list) else "",
            "CPU": _text(hardware.get("cpu")),
            "cores": _text(hardware.get("cores")),
            "threads": _text(hardware.get("threads")),
            "host": _text(hardware.get("host")),
            "backend": _text(record.get("backend")),
            "precision": _text(record.get("precision")),
            "commit": _text(source.get("commit"))[:10] + ("" if source.get("clean", True) else "+"),
            "Python": _text(record.get("python")),
            **{name: _text(version) for name, version in versions.items()},
        }
        rows.append((i, run.label, cells))
    columns = dict.fromkeys(key for _, _, cells in rows for key in cells)
    used = [key for key in columns if any(cells.get(key) for _, _, cells in rows)]
    return Grid(
        tuple(used),
        tuple((i, name, tuple(cells.get(key, "") for key in used)) for i, name, cells in rows),
    )


def _rate(run: Run, seconds: object) -> str:
    if rate := run.state.activity.get("batches_a_second"):
        return f"{rate:.1f}"
    batches = run.record.get("batches")
    if _is_number(seconds) and _is_number(batches) and seconds > 0:
        return f"{batches / seconds:.1f}"
    return ""


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object) -> str:
    """Return a score with three decimals, "NaN" as such, and nothing where there is none."""
    if value is None:
        return ""
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:.3f}" if math.isfinite(value) else str(value).replace("nan", "NaN")
