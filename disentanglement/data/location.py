"""Locate an experiment's data from its config."""

from pathlib import Path
from typing import Protocol


class GeneratedDataConfig(Protocol):
    """The config keys that loading takes where missing data can be generated."""

    @property
    def data_dir(self) -> str | Path | None:
        """Folder of the data set; None: the folders that `searched` lists."""

    @property
    def generate(self) -> int | None:
        """How many training images to generate if there are none; None: do not generate any."""


def searched(
    experiment: Path, data_dir: str | Path | None, name: str, *other_names: str
) -> list[Path]:
    """Return the folders that may hold an experiment's data set, in the order of the search.

    Without data_dir, these are the experiment's own data/, where the paper's code keeps its data,
    and data/ beside the experiments, which all of them share. What is generated or cached belongs
    in the last folder.

    Args:
        experiment: The experiment's folder.
        data_dir: The only folder to search, relative to `experiment`, or None.
        name: The data set's folder in either data/.
        *other_names: Further names of its folder in the shared data/.
    """
    experiment = Path(experiment).resolve()
    if data_dir is not None:
        return [(experiment / data_dir).resolve()]
    shared = experiment.parent / "data"
    return [experiment / "data" / name, *(shared / each for each in (name, *other_names))]


def listed(paths: list[Path]) -> str:
    """Return paths as text for a message: "A, B or C"."""
    *first, last = map(str, paths)
    return f"{', '.join(first)} or {last}" if first else last
