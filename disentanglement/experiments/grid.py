"""Turns a config file into a list of runs: applies --set, expands the grid, names the folders."""

import itertools
import runpy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from disentanglement.config import (
    TrainingConfig,
    batch_error,
    from_text,
    nearest,
    parse,
)
from disentanglement.errors import UserError
from disentanglement.scheduler_config import SchedulerConfig

_PARTS = ("scheduler_config", "global_config", "test_config")
_VALUE_LENGTH = 30  # characters of a value in a folder name


@dataclass(frozen=True)
class Task:
    """One run of the grid.

    Attributes:
        name: The name of its folder in the result root.
        config: Its config.
    """

    name: str
    config: TrainingConfig


@dataclass(frozen=True)
class Grid:
    """The runs of a config file.

    Attributes:
        path: The file.
        scheduler: Its scheduler_config.
        tasks: Its runs.
    """

    path: Path
    scheduler: SchedulerConfig
    tasks: list[Task]

    def select(self, runs: str | None) -> "Grid":
        """Return the grid of the runs whose number is in `runs`, e.g. "0,3-5"; None for all.

        Raises:
            UserError: The text is malformed or names a number that no run has.
        """
        if runs is None:
            return self
        numbers = _numbers(runs, f"--runs {runs}")
        if missing := numbers - {task.config.run for task in self.tasks}:
            raise UserError(
                f"--runs {runs}: no run {min(missing)} in {self.path} (see --list); to add runs: "
                f"--set run={runs}"
            )
        tasks = [task for task in self.tasks if task.config.run in numbers]
        return Grid(self.path, self.scheduler, tasks)


def load(
    path: Path, schema: type[TrainingConfig], num_images: int, overrides: Sequence[str] = ()
) -> Grid:
    """Read and check a config file.

    Args:
        path: The file.
        schema: The dataclass of a run's keys; see `disentanglement.config`.
        num_images: The size of the data set.
        overrides: The "key=value" arguments of --set.

    Raises:
        UserError: The file cannot be read, or a key or value is wrong.
    """
    parts = _read(path)
    for text in overrides:
        _override(parts, text, schema)
    _generate_only_where_the_config_says(parts, schema, overrides)
    scheduler = parse(SchedulerConfig, parts["scheduler_config"], f"{path}: scheduler_config")
    tasks = []
    for values in _expand(parts["test_config"], path):
        if both := [key for key in values if key in parts["global_config"]]:
            raise UserError(f"{path}: key '{both[0]}' is in global_config and in test_config")
        where = f"{path}: global_config and test_config"
        config = parse(schema, parts["global_config"] | values, where)
        if error := batch_error(config, num_images):
            raise UserError(f"{path}: {error}")
        tasks.append(Task(folder_name(values), config))
    return Grid(path, scheduler, _distinct(tasks, path))


def folder_name(values: dict[str, Any]) -> str:
    """Return a run's folder name as in the paper's code: "key-value," for every key, sorted.

    Spaces and square brackets are dropped from the values, which are cut to 30 characters.
    """
    parts = []
    for key in sorted(values):
        text = str(values[key])
        for character in " []":
            text = text.replace(character, "")
        parts.append(f"{key}-{text[:_VALUE_LENGTH]},")
    return "".join(parts)


def _read(path):
    try:
        config = runpy.run_path(str(path)).get("config")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except SyntaxError as error:
        raise UserError(f"{path}: line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:  # the user's file can raise anything
        raise UserError(f"{path}: {type(error).__name__}: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path}: no dictionary named 'config'")
    for key in config:
        if key not in _PARTS:
            raise UserError(f"{path}: unknown part '{key}'{nearest(key, _PARTS)}")
    for part, kind in zip(_PARTS, (dict, dict, list), strict=True):
        if not isinstance(config.get(part), kind):
            raise UserError(f"{path}: config['{part}'] must be a {kind.__name__}")
    return {
        "scheduler_config": dict(config["scheduler_config"]),
        "global_config": dict(config["global_config"]),
        "test_config": list(config["test_config"]),
    }


def _override(parts, text, schema):
    key, equals, value = text.partition("=")
    owners = {f.name: owner for owner in (SchedulerConfig, schema) for f in fields(owner)}
    if not equals:
        raise UserError(f"--set {text}: write it as key=value")
    if key not in owners:
        raise UserError(f"--set {text}: unknown key '{key}'{nearest(key, owners)}")
    if key == "run":  # several values: more seeds of the same grid
        values = sorted(_numbers(value.strip("[]"), f"--set {text}"))
    else:
        values = [from_text(owners[key], key, value)]
    if owners[key] is SchedulerConfig:
        parts["scheduler_config"][key] = values[0]
    elif any(key in grid for grid in parts["test_config"] if isinstance(grid, dict)):
        parts["test_config"] = [
            grid | {key: values} if key in grid else grid for grid in parts["test_config"]
        ]
    elif len(values) > 1:
        raise UserError(f"--set {text}: the config's test_config has no '{key}' to vary")
    else:
        parts["global_config"][key] = values[0]


def _generate_only_where_the_config_says(parts, schema, overrides):
    """Turn off `generate` if --set names another folder: a typo there must not become data."""
    keys = {text.partition("=")[0] for text in overrides}
    can_generate = "generate" in {f.name for f in fields(schema)}
    if can_generate and "data_dir" in keys and "generate" not in keys:
        parts["global_config"]["generate"] = None


def _expand(grids, path):
    for i, grid in enumerate(grids):
        where = f"{path}: test_config[{i}]"
        if not isinstance(grid, dict):
            raise UserError(f"{where} must be a dictionary of lists")
        for key, values in grid.items():
            if not isinstance(values, list | tuple | range) or not values:
                raise UserError(f"{where}: '{key}' must be a list of values, not {values!r}")
        for values in itertools.product(*grid.values()):
            yield dict(zip(grid, values, strict=True))


def _distinct(tasks, path):
    by_name: dict[str, Task] = {}
    for task in tasks:
        other = by_name.setdefault(task.name, task)
        if other.config != task.config:
            raise UserError(
                f"{path}: two different runs would have the folder '{task.name}': change the run "
                "number of one of them"
            )
    if not by_name:
        raise UserError(f"{path}: test_config lists no run")
    return list(by_name.values())


def _numbers(text: str, option: str) -> set[int]:
    """Return the numbers in a text like "0,3-5"; `option` is for the message of a UserError."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            found = range(int(first), int(last if dash else first) + 1)
        except ValueError:
            found = range(0)
        if not found:
            raise UserError(f"{option}: write it like 0,3-5")
        numbers |= set(found)
    return numbers
