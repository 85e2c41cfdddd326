"""Locate an experiment's data from its config."""

from pathlib import Path
from typing import Protocol


class GeneratedDataConfig(Protocol):
    """The config keys that loading takes where missing data can be generated."""

    @property
    def data_dir(self) -> str | Path | None:
        """Folder of the data set; None: in data/ beside the experiments."""

    @property
    def generate(self) -> int | None:
        """How many training images to generate if there are none; None: do not generate any."""


def data_folder(experiment: Path, data_dir: str | Path | None, name: str) -> Path:
    """Return the folder of a data set.

    Args:
        experiment: The experiment's folder.
        data_dir: The folder that the config names, relative to `experiment`, or None.
        name: The data set's folder in data/ beside the experiments, used where data_dir is None.
    """
    experiment = Path(experiment).resolve()
    return (experiment / (data_dir or experiment.parent / "data" / name)).resolve()
