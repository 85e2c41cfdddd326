"""What a Slurm job may use: the config's keys as options of sbatch."""

import re
from pathlib import Path
from typing import Any

from disentanglement.errors import UserError
from disentanglement.scheduler_config import SchedulerConfig

_ENDLESS = 1_000_000  # how many time limits a run may reach; submitit wants a number

_KEYS = {
    "account": "slurm_account",
    "cpus-per-task": "slurm_cpus",
    "gpus-per-node": "slurm_gpus",
    "mem": "slurm_memory_gb",
    "partition": "slurm_partition",
    "signal": "slurm_signal_seconds",
    "time": "slurm_minutes",
}
# With other values of these, jobs would not be found again.
_OURS = ("array", "error", "job-name", "open-mode", "output", "parsable", "test-only", "wait")


def check_options(config: SchedulerConfig) -> None:
    """Raise UserError if the keys for Slurm do not go together."""
    for text in config.slurm_options:
        _option(text)
    if config.slurm_signal_seconds >= 60 * config.slurm_minutes:
        raise UserError(
            f"slurm_signal_seconds={config.slurm_signal_seconds} is not less than the time limit, "
            f"slurm_minutes={config.slurm_minutes}: runs would save as soon as they start"
        )


def executor_for(config: SchedulerConfig, folder: Path, cluster: str, name: str) -> Any:
    """Return submitit's executor for a submission.

    Args:
        config: What each job may use.
        folder: For submitit's files.
        cluster: submitit's name for where jobs run.
        name: The name of the jobs.
    """
    import submitit

    made = submitit.AutoExecutor(folder, cluster=cluster, slurm_max_num_timeout=_ENDLESS)
    memory = {} if config.slurm_memory_gb is None else {"mem_gb": config.slurm_memory_gb}
    made.update_parameters(
        name=name,
        timeout_min=config.slurm_minutes,
        cpus_per_task=config.slurm_cpus,
        gpus_per_node=config.slurm_gpus or None,
        slurm_partition=config.slurm_partition,
        slurm_account=config.slurm_account,
        slurm_array_parallelism=config.slurm_max_jobs,
        slurm_signal_delay_s=config.slurm_signal_seconds,
        # Since Slurm 22.05, srun does not take this over from sbatch.
        slurm_srun_args=[f"--cpus-per-task={config.slurm_cpus}"],
        # Clusters may have JobRequeue=0.
        slurm_additional_parameters={"requeue": True, **dict(map(_option, config.slurm_options))},
        **memory,
    )
    return made


def _option(text: str) -> tuple[str, Any]:
    """Return the name and the value of an option for sbatch."""
    name, equals, value = text.partition("=")
    if not re.fullmatch(r"[a-z][a-z-]*", name):
        raise UserError(f"slurm_options: '{text}' must be NAME=VALUE, e.g. 'qos=low', without --")
    if name in _KEYS:
        raise UserError(f"slurm_options: '{text}' has a key of its own: set {_KEYS[name]}")
    if name in _OURS:
        raise UserError(f"slurm_options: '{text}' is set by the launcher: leave it out")
    return name, value if equals else True


def refusal(error: Exception) -> str:
    """Return what sbatch has said, in one line."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line.removeprefix("sbatch: error: ") for line in lines if line.startswith("sbatch:")]
    text = "; ".join(said) or (lines[-1] if lines else type(error).__name__)
    if "Invalid job array" in text:
        text += " (at most MaxArraySize jobs, see `scontrol show config`: select some with --runs)"
    return text
