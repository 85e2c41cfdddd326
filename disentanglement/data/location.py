"""Where an experiment's data are."""

from pathlib import Path


def data_folder(experiment: Path, data_dir: str | Path | None, name: str) -> Path:
    """Return the folder of a data set.

    Args:
        experiment: The experiment's folder.
        data_dir: The folder that the config names, relative to `experiment`, or None.
        name: The data set's folder in data/ beside the experiments, used where data_dir is None.
    """
    experiment = Path(experiment).resolve()
    return (experiment / (data_dir or experiment.parent / "data" / name)).resolve()
