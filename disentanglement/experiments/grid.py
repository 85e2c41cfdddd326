"""Turns a config file into a list of runs: applies --set, expands the grid, names the folders."""

import itertools
import runpy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePath
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


Settled = tuple[TrainingConfig, int]  # see `load`


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
    path: Path,
    schema: type[TrainingConfig],
    num_images: int,
    overrides: Sequence[str] = (),
    settle: Callable[[TrainingConfig], Settled] | None = None,
) -> Grid:
    """Read and check a config file.

    Args:
        path: The file.
        schema: The dataclass of a run's keys; see `disentanglement.config`.
        num_images: The size of the data set.
        overrides: The "key=value" arguments of --set.
        settle: Returns a run's config with what its `data` stands for, and how many images it has.

    Raises:
        UserError: The file cannot be read, or a key or value is wrong.
    """
    parts = _read(path)
    for text in overrides:
        _override(parts, text, schema)
    _forget_the_place_of_other_data(parts, schema, overrides)
    scheduler = parse(SchedulerConfig, parts["scheduler_config"], f"{path}: scheduler_config")
    tasks = []
    for values in _expand(parts["test_config"], path):
        if both := [key for key in values if key in parts["global_config"]]:
            raise UserError(f"{path}: key '{both[0]}' is in global_config and in test_config")
        where = f"{path}: global_config and test_config"
        config, count = parse(schema, parts["global_config"] | values, where), num_images
        if settle is not None:
            config, count = settle(config)
        if error := batch_error(config, count):
            raise UserError(f"{path}: {error}")
        if "data" in values and config.data is not None:
            values["data"] = config.data  # its name, where a path was given
        tasks.append(Task(folder_name(values), config))
    tasks = _distinct(tasks, path)
    named = {text.partition("=")[0] for text in overrides}
    data = tasks[0].config.data
    if parts["global_config"].get("data") and data and "result_root_folder" not in named:
        root = result_root(scheduler.result_root_folder, data)
        scheduler = replace(scheduler, result_root_folder=root)
    return Grid(path, scheduler, tasks)


def result_root(root: str, data: str) -> str:
    """Return the folder for runs on another data set than the experiment's own.

    results/quick/ becomes results/<data>/quick/, an absolute path a folder in it.
    """
    path = PurePath(root)
    if path.is_absolute() or not path.parts or path.parts[0] == "..":
        return str(path / data)
    first, *rest = path.parts
    return str(PurePath(first, data, *rest))


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


def _forget_the_place_of_other_data(parts, schema, overrides):
    """Turn off `generate` if --set names another folder: a typo there must not become data.

    If --set names another data set, the config's folder is not where it is, either.
    """
    keys = {text.partition("=")[0] for text in overrides}
    can_generate = "generate" in {f.name for f in fields(schema)}
    if can_generate and keys & {"data", "data_dir"} and "generate" not in keys:
        parts["global_config"]["generate"] = None
    if "data" in keys and "data_dir" not in keys:
        parts["global_config"].pop("data_dir", None)


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
