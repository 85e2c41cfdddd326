"""A run of a grid as the commands see it: its config, and what lies in its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disentanglement import records
from disentanglement.config import SchedulerConfig, changed_keys
from disentanglement.experiments.grid import Task


@dataclass(frozen=True)
class RunFolder:
    """One run of a grid and its folder.

    Attributes:
        base: The folder that the config's result_root_folder starts from.
        scheduler: The config's scheduler keys.
        task: The run's name and config.
    """

    base: Path
    scheduler: SchedulerConfig
    task: Task

    @property
    def path(self) -> Path:
        return self.base / self.scheduler.result_root_folder / self.task.name

    @property
    def log(self) -> Path:
        return self.path / self.scheduler.log_file

    def record(self) -> dict[str, Any]:
        """Return run.json; {} for a run that has not started."""
        return records.read(self.path)

    def is_trained(self) -> bool:
        """Whether training has finished with this config, at its full length."""
        found, config = self.record(), self.task.config
        if found.get("state") != "finished" or changed_keys(found["config"], config):
            return False
        return all(found["config"][key] == getattr(config, key) for key in ("epoch", "max_batches"))


def together(runs: list[RunFolder], size: int) -> list[list[RunFolder]]:
    """Group runs, in order, into lists of at most `size` that can be trained at once."""
    groups: list[list[RunFolder]] = []
    for run in runs:
        for group in groups:
            if len(group) < size and not differing_keys(group[0].task, run.task):
                group.append(run)
                break
        else:
            groups.append([run])
    return groups


def differing_keys(one: Task, other: Task) -> list[str]:
    """Return the config keys, other than `run`, in which two runs differ."""
    config, others = vars(one.config), vars(other.config)
    return [key for key in config if key != "run" and config[key] != others[key]]
