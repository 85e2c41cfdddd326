"""A run of a grid: its config and the state of its folder."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from disentanglement import records
from disentanglement.config import TrainingConfig, changed_keys, first_change
from disentanglement.experiments.grid import Task
from disentanglement.scheduler_config import SchedulerConfig
from disentanglement.training import checkpoint


@dataclass(frozen=True, eq=False)
class RunFolder:
    """One run of a grid and its folder.

    Attributes:
        base: The folder that result_root_folder is relative to.
        scheduler: The config's scheduler_config.
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

    def other_config(self) -> str | None:
        """Return how this config differs from the one that the folder's results are from.

        None if they agree in everything that defines the model, or if there are no results yet.
        """
        path, record = self.path / "checkpoint" / checkpoint.FILE, self.record()
        if not path.exists() and record.get("state") != "finished":
            return None
        finished = record.get("state") == "finished"
        config = record["config"] if finished else checkpoint.load_meta(path)["config"]
        return first_change(config, self._config(config))

    def is_trained(self) -> bool:
        """Whether training with this config has finished, at its full length."""
        record, config = self.record(), self.task.config
        if record.get("state") != "finished":
            return False
        if changed_keys(record["config"], self._config(record["config"])):
            return False
        length = ("epoch", "max_batches")
        return all(record["config"].get(key) == getattr(config, key) for key in length)

    def _config(self, recorded: Mapping[str, Any]) -> TrainingConfig:
        """Return the run's config, with the recorded channels if its data could not be found."""
        config = self.task.config
        unknown = config.data is not None and config.channels is None
        return replace(config, channels=recorded.get("channels")) if unknown else config


def group_runs(runs: list[RunFolder], size: int) -> list[list[RunFolder]]:
    """Group runs, in order, into lists of at most `size` runs that can train at once."""
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
    """Return the config keys other than `run` in which two runs differ."""
    config, others = vars(one.config), vars(other.config)
    return [key for key in config if key != "run" and config[key] != others[key]]
