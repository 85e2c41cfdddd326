"""The keys of scheduler_config: where runs go, and what they may use there."""

from dataclasses import dataclass

from disentanglement.config import key

LAUNCHERS = ("local", "slurm", "ray")


@dataclass(frozen=True, kw_only=True)
class SchedulerConfig:
    """How the main scripts dispatch runs; relative paths start at the experiment's folder."""

    gpu: list[str] = key("IDs of the GPUs to use, e.g. ['0', '1']; ignored if there are none")
    temp_folder: str = key("unused; accepted because the paper's configs have it")
    scheduler_log_file_path: str = key("log file of the GPU scheduler")
    log_file: str = key("name of each run's log file, in the run's folder")
    force_rerun: bool = key(
        "repeat finished runs (earlier results are renamed and kept)", default=False
    )
    result_root_folder: str = key("folder for the run folders", default="results/")
    max_tasks_per_gpu: int = key("number of runs that share a GPU", low=1, default=1)
    launcher: str = key("where runs go", choices=LAUNCHERS, default="local")

    slurm_partition: str | None = key("partition; None: the cluster's default", default=None)
    slurm_account: str | None = key("account to charge; None: your default", default=None)
    slurm_minutes: int = key(
        "time limit of a job; a run that reaches it is saved and queued again", low=1, default=240
    )
    slurm_gpus: int = key("GPUs for each run", low=0, default=1)
    slurm_cpus: int = key("CPU cores for each run, and how many threads it uses", low=1, default=4)
    slurm_memory_gb: float | None = key(
        "memory for each run, in GB; None: the cluster's default", above=0, default=16.0
    )
    slurm_max_jobs: int = key("most jobs that run at the same time", low=1, default=256)
    slurm_signal_seconds: int = key(
        "seconds before the time limit at which a run is told to save", low=1, default=90
    )
    slurm_options: list[str] = key(
        "further options of sbatch, e.g. ['qos=low', 'constraint=a100']", default_factory=list
    )

    ray_address: str = key(
        "the cluster: 'auto' (the one on this machine), HOST:PORT, ray://HOST:PORT, or 'local' "
        "(start one here)",
        default="auto",
    )
    ray_gpus: float | None = key(
        "GPUs for each run, may be a fraction; None: 1 / max_tasks_per_gpu where the cluster has "
        "GPUs, else 0",
        low=0,
        default=None,
    )
    ray_cpus: float = key("CPU cores for each run", low=0, default=1.0)
    ray_retries: int = key("how often a run that failed is tried again", low=0, default=1)
