"""Check the Slurm launcher on a real Slurm of one node, on this machine.

    apt-get install slurm-wlm munge     # Debian or Ubuntu, as root
    python -m benchmarks.cluster.slurm [--tasks 200] [--only CHECK ...]

A Slurm that runs already is used; otherwise one is started, with slurm.conf beside this file.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.cluster.common import (
    LENGTH,
    Main,
    chosen,
    compared,
    fresh,
    grid,
    load,
    same,
    stacked_and_scored,
    training,
)

SLURM = ("--launcher", "slurm", "--set", "slurm_gpus=0", "--set", "slurm_cpus=1",
         "--set", "slurm_memory_gb=4")  # fmt: skip
SUBMITTED = r"submitted \d+ jobs? to Slurm[^:]*: (\d+)"


def start_slurm(folder: Path) -> None:
    """Start munge and a Slurm of one node, unless one answers."""
    munge = subprocess.run(["munge", "-n"], capture_output=True).returncode == 0
    # Without munge, sinfo takes minutes to fail.
    if munge and subprocess.run(["sinfo"], capture_output=True).returncode == 0:
        return
    text = (Path(__file__).parent / "slurm.conf").read_text()
    config = folder / "slurm.conf"
    config.write_text(text.replace("HOST", socket.gethostname()).replace("FOLDER", str(folder)))
    os.environ["SLURM_CONF"] = str(config)
    for name in ("ctld", "d"):
        (folder / name).mkdir()
    if not munge:
        Path("/run/munge").mkdir(exist_ok=True)
        shutil.chown("/run/munge", "munge", "munge")
        subprocess.run(["su", "-s", "/bin/sh", "munge", "-c", "munged"], check=True)
    for program in ("slurmctld", "slurmd"):
        subprocess.run([program, "-f", str(config)], check=True)
    while subprocess.run(["sinfo"], capture_output=True).returncode:
        time.sleep(1)


def scontrol(*words: str) -> None:
    subprocess.run(["scontrol", *words], check=True)


def interrupted(experiment: Path, *required: int) -> None:
    """Check that these runs, or any, have been resumed; print how often."""
    resumed = {
        int(log.parent.name[4:-1]): log.read_text().count("resumed from")
        for log in sorted(experiment.glob("results/run-*,/worker.log"))
    }
    print("  resumed:", " and ".join(map(str, resumed.values())), "times", flush=True)
    assert any(resumed.values()), resumed
    assert all(resumed[run] for run in required), resumed


def plain(experiment, local):
    print("one array job", flush=True)
    output = Main(experiment, *SLURM, *LENGTH).end()
    assert "submitted 2 jobs" in output
    same(experiment, local)
    compared(experiment, local, *SLURM)


def requeued(experiment, local):
    print("scontrol requeue, and the signal of a preemption, in the middle", flush=True)
    fresh(experiment)
    main = Main(experiment, *SLURM, *LENGTH)
    job = main.wait_for(SUBMITTED)[1]
    training(experiment)
    subprocess.run(["scancel", "--signal=USR2", f"{job}_0"], check=True)
    training(experiment, 4)
    scontrol("requeue", f"{job}_1")
    main.end()
    interrupted(experiment, 3, 4)
    same(experiment, local)


def preempted(experiment, local):
    print("a job of a more important partition takes the node", flush=True)
    fresh(experiment)
    main = Main(experiment, *SLURM, *LENGTH, "--set", "slurm_partition=gpu")
    main.wait_for(SUBMITTED)
    training(experiment)
    subprocess.run(
        ["sbatch", "--partition=high", "--exclusive", "--output=/dev/null", "--wrap", "sleep 5"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    main.end()
    interrupted(experiment)
    same(experiment, local)


def time_limit(experiment, local):
    print("a time limit of two minutes, shorter than the run", flush=True)
    # Slurm may send its signal up to a minute early.
    long = ("--set", "run=3", "--set", "epoch=60")
    experiment, local = grid(experiment.parents[1] / "long", *long)
    limits = ("--set", "slurm_minutes=2", "--set", "slurm_signal_seconds=20")
    Main(experiment, *SLURM, *long, *limits).end()
    interrupted(experiment, 3)
    same(experiment, local, 3)


def stacked(experiment, local):
    stacked_and_scored(experiment.parents[1], *SLURM)


def closed(experiment, local):
    print("Ctrl-C, the same command again, --cancel, and again", flush=True)
    fresh(experiment)
    main = Main(experiment, *SLURM, *LENGTH)
    job = main.wait_for(SUBMITTED)[1]
    training(experiment)
    main.process.send_signal(signal.SIGINT)
    assert "the jobs go on" in main.end(130)
    second = Main(experiment, *SLURM, *LENGTH)
    second.wait_for(f"watching Slurm job {job}_0")
    assert "submitted" not in second.text()
    print(f"  {Main(experiment, *SLURM, *LENGTH, '--cancel').end().strip()}", flush=True)
    second.end(130)
    assert "submitted" in Main(experiment, *SLURM, *LENGTH).end()
    same(experiment, local)


def mistakes(experiment, local):
    print("mistakes, a line each", flush=True)
    fresh(experiment)
    bad = (
        ("--set", "slurm_partition=nowhere"),
        ("--set", "slurm_minutes=soon"),
        ("--set", "slurm_options=--qos=low"),
        ("--set", "slurm_options=no-such-option=1"),
    )
    for words in bad:
        output = Main(experiment, *SLURM, *LENGTH, *words).end(2)
        print("  " + output.strip().splitlines()[-1], flush=True)
    output = Main(experiment, *SLURM, *LENGTH, PATH="/nowhere").end(2)
    print("  " + output.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    tasks, checks = chosen(
        __doc__, plain, requeued, preempted, time_limit, stacked, closed, mistakes
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start_slurm(folder)
        if checks:
            experiment, local = grid(folder)
            for check in checks:
                check(experiment, local)
        if tasks:
            load(folder, tasks, *SLURM)
