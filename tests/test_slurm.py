"""Jobs on Slurm, run by submitit's local executor: how they end, and how they start again."""

import json
import os
import signal
import sys

import pytest

from disentanglement import console
from disentanglement.experiments.launchers.launcher import Command
from disentanglement.experiments.launchers.slurm_queue import JobState, SlurmQueue
from disentanglement.experiments.launchers.slurm_task import Task
from tests.experiments import ROOT, short_bars_experiment
from tests.launchers import Processes, Reporter, fake, slurm
from tests.runs import assert_same_result

# submitit starts processes and never waits for them.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


def test_jobs_end_with_the_exit_status_of_their_scripts(tmp_path, script):
    again = tmp_path / "again"
    preempted = f"""
if not Path("{again}").exists():
    Path("{again}").touch()
    os.kill(os.getpid(), signal.SIGUSR2)  # as Slurm does before it takes the node away
    time.sleep(60)
"""
    jobs = [
        script("good", "sys.exit(0)"),
        script("mistake", "sys.exit(2)"),
        script("bug", "raise ValueError('a bug')"),
        script("preempted", preempted),
        script("asked", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"),
    ]
    reporter = Reporter()
    slurm(tmp_path, Processes()).run(jobs, reporter)
    assert reporter.ends() == [
        ("asked", console.STOPPED, True),
        ("bug", 1, False),
        ("good", 0, False),
        ("mistake", 2, False),
        ("preempted", 0, False),
    ]
    assert again.exists()
    log = (tmp_path / "bug" / "log").read_text()  # main scripts show its end
    assert log.endswith("ValueError: a bug\n")


def test_a_job_that_dies_without_a_word_has_failed(tmp_path, script):
    """What Slurm knows of it is told, and what may be the reason."""
    job, reporter = script("run", "os.kill(os.getpid(), signal.SIGKILL)"), Reporter()
    slurm(tmp_path, Processes()).run([job], reporter)
    assert reporter.ends() == [("run", 1, False)]
    assert "ended without an exit status (Slurm job " in reporter.how


@pytest.mark.parametrize(("time_", "again"), [("2026-11-28T05:21:10", True), ("None", False)])
def test_a_job_that_slurm_preempts_with_sigterm_is_queued_again(
    tmp_path, monkeypatch, time_, again
):
    """With a GraceTime, Slurm says so before it takes the node."""
    fake(tmp_path, monkeypatch, "scontrol", f"echo '  PreemptTime={time_}'")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setattr(sys, "argv", sys.argv)
    script, handlers, requeued = tmp_path / "task.py", {}, []
    script.write_text(  # as training does, which handles the signal itself
        "import signal\n"
        f"signal.signal(signal.SIGTERM, lambda *_: exit({console.STOPPED}))\n"
        "signal.raise_signal(signal.SIGTERM)\n"
    )
    for number in (signal.SIGTERM, signal.SIGUSR2):
        handlers[number] = signal.getsignal(number)
    signal.signal(signal.SIGUSR2, lambda number, frame: requeued.append(number))
    try:
        task = Task((sys.executable, str(script)), tmp_path / "log", tmp_path, "status.json")
        assert task() == console.STOPPED
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert bool(requeued) == again


@pytest.mark.slow
def test_a_preempted_run_ends_like_an_unbroken_one(tmp_path, unbroken):
    experiment = short_bars_experiment(tmp_path / "Bars")
    run = experiment / "results" / "run-3,"
    words = (sys.executable, str(experiment / "gan_task.py"), "--threads", "1", "0")
    os.environ["PYTHONPATH"] = str(ROOT)
    told = []

    def tell():
        """Send the signal once the run has saved its first checkpoint."""
        if not told and (run / "checkpoint" / "model.npz").exists():
            pid = json.loads((run / "progress.json").read_text())["pid"]
            told.append(os.kill(pid, signal.SIGUSR2))
        return False

    reporter = Reporter(stop_at=tell)
    slurm(tmp_path, Processes()).run([Command(words, run / "worker.log", ("run-3,",))], reporter)
    assert reporter.ends() == [("run-3,", 0, False)]
    assert told
    log = (run / "worker.log").read_text()
    assert "saved in" in log
    assert "resumed from" in log
    assert_same_result(run, unbroken)


def test_what_squeue_prints(tmp_path, monkeypatch):
    lines = "12_0|RUNNING|None|n1\n12_1|PENDING|Resources|\n12_2|REQUEUE_HOLD|held|\n"
    body = f'case "$*" in *"--jobs 12"*) printf "{lines}";; *) ' \
        'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1;; esac'  # fmt: skip
    fake(tmp_path, monkeypatch, "squeue", body)
    states = SlurmQueue().states(["12_0", "12_1", "12_2", "7"])
    assert states["12_0"] == JobState("RUNNING", "None", "n1")
    assert states["12_1"].is_pending
    assert states["12_2"].is_held
    assert states["7"].is_over
