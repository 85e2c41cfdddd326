"""main.py --status: the state of every run as a table, or as JSON for scripts."""

import json
from collections.abc import Mapping
from typing import Any

from disentanglement.experiments.jobs import Job
from disentanglement.experiments.runs import RunFolder
from disentanglement.experiments.states import State
from disentanglement.wording import counted


def show(job: Job, runs: list[RunFolder], queue: Mapping[str, str], as_json: bool) -> int:
    """Print the state of every run, and return the exit status.

    Args:
        job: What is done with the runs.
        runs: The runs of a grid.
        queue: Those that wait to be started, see `queues.waiting`.
        as_json: Print JSON for scripts.
    """
    found = {run: job.state(run, queue) for run in runs}
    if as_json:
        print(json.dumps([_entry(run, state) for run, state in found.items()], indent=2))
        return 0
    names, shared = short_names([run.task.name for run in runs])
    where = f"{runs[0].path.parent}" + (f", all {shared}" if shared else "")
    print(f"{counted(len(runs), 'run')} in {where}:")
    lines = [("state", "batches", "last score", "run", "")]
    for (_, state), name in zip(found.items(), names, strict=True):
        batches = f"{state.batches:,} of {state.total:,}" if state.total else f"{state.batches:,}"
        lines.append((state.name, batches, _score(state), name, state.note()))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for cells in lines:
        text = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print(f"  {text}".rstrip())
    return 0


def line(run: RunFolder, label: str, state: State, note: str | None = None) -> str:
    """Return a line on a run that is not done: its state, its folder and a note.

    The note says who or why, and what comes next, unless another is given.
    """
    note = state.note() if note is None else note
    return "  ".join(filter(None, [f"{label:11}", str(run.path), note]))


def short_names(names: list[str]) -> tuple[list[str], str]:
    """Return the parts in which names of run folders differ, and the parts that all share."""
    if len(names) == 1:
        return names, ""
    parts = [name.removesuffix(",").split(",") for name in names]
    shared = [part for part in parts[0] if all(part in other for other in parts)]
    own = [[part for part in name if part not in shared] for name in parts]
    return [",".join(name) for name in own], ", ".join(shared)


def _score(state: State) -> str:
    return next((f"{name} {value:.3f}" for name, value in state.scores.items()), "")


def _entry(run: RunFolder, state: State) -> dict[str, Any]:
    return {
        "run": run.task.name,
        "folder": str(run.path),
        "state": state.name,
        "batches": state.batches,
        "total": state.total,
        "scores": dict(state.scores),
        "detail": state.detail,
        "next": state.next,
        "warning": state.warning,
        **{
            key: state.activity.get(key)
            for key in ("doing", "pid", "host", "batches_a_second", "seconds_left", "updated")
        },
    }
