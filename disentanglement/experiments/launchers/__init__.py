"""Where the runs of a grid are computed: on this machine, on Slurm, or on Ray."""

from pathlib import Path

from disentanglement.experiments.launchers.launcher import Launcher
from disentanglement.experiments.launchers.local import Local
from disentanglement.experiments.launchers.ray import Ray
from disentanglement.experiments.launchers.slurm import Slurm
from disentanglement.scheduler_config import SchedulerConfig


def chosen(config: SchedulerConfig, folder: Path, verb: str) -> Launcher:
    """Return the launcher that a config chooses.

    Args:
        config: Its scheduler_config.
        folder: The experiment's folder.
        verb: What will be done with runs, e.g. "train".

    Raises:
        UserError: It cannot be used on this machine.
    """
    if config.launcher == "slurm":
        return Slurm(config, folder / config.result_root_folder, verb)
    if config.launcher == "ray":
        return Ray(config)
    return Local(config, folder)
