"""Stopping main.py: signals, a closed terminal, kill -9; with a stand-in for training."""

import os
import signal
import subprocess
import sys
import time

import pytest

from disentanglement.experiments import parent
from disentanglement.experiments.launchers.processes import was_stopped
from disentanglement.training.signals import stop_requested, stop_requests
from tests.commands import events, run, start, wait_for

LONG = {"SECONDS": "60"}


def happened(folder):
    return [what for what, *_ in events(folder)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_main_alone_stops_its_task(experiment, number):
    process = start(experiment, "--runs", "3-4", **LONG)
    wait_for(experiment, "start")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert happened(experiment) == ["start", "asked", "saved"]  # and run 4 never started
    assert "stopping: waiting for 1 run to save" in stderr
    assert "\nruns:\n  stopped" in stdout
    assert stdout.endswith("stopped; run the same command again to resume\n")


def test_the_second_signal_stops_at_once(experiment):
    process = start(experiment, "--runs", "3", SAVING="60", **LONG)
    wait_for(experiment, "start")
    process.send_signal(signal.SIGINT)
    wait_for(experiment, "asked")
    time.sleep(0.6)  # signals closer together count as one
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert happened(experiment) == ["start", "asked"]
    assert "stopping at once" in stderr
    assert "failed" not in stdout


def test_ctrl_c_on_a_terminal_reaches_the_task_once(experiment):
    process = start(experiment, "--runs", "3", SAVING="0.8", **LONG)
    wait_for(experiment, "start")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert happened(experiment) == ["start", "asked", "saved"]


def test_nohup_is_respected(experiment):
    ignore = ("sh", "-c", "trap '' HUP; exec \"$@\"", "sh")
    process = start(experiment, "--runs", "3", prefix=ignore, SECONDS="1")
    wait_for(experiment, "start")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert happened(experiment) == ["start", "end"]


def test_all_gpus_stop(experiment):
    process = start(experiment, "--runs", "3-5", "--set", "gpu=0,1", gpus=[0, 1], **LONG)
    wait_for(experiment, "start", 2)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert sorted(happened(experiment)) == ["asked"] * 2 + ["saved"] * 2 + ["start"] * 2
    assert "stopping: waiting for 2 runs to save" in stderr
    assert stdout.count("  stopped  ") == 2
    assert stdout.count("  new  ") == 1


@pytest.mark.slow
@pytest.mark.parametrize("gpus", [None, [0]])
def test_kill_9_of_main_stops_its_task(experiment, gpus):
    process = start(experiment, "--runs", "3", gpus=gpus, **LONG)
    wait_for(experiment, "start")
    process.kill()
    process.communicate()
    wait_for(experiment, "saved")
    assert happened(experiment) == ["start", "asked", "saved"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_task_that_handles_no_signal_ends_with_its_workers(experiment, number):
    run(experiment, "--runs", "3", SECONDS="0")
    process = start(experiment, script="main_final_metrics.py", SCORING="60")
    (worker,) = wait_for(experiment, "worker")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    wait_until_ended(worker)
    assert not list(experiment.glob("results/*/final_metrics*"))
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "\n  stopped    " in stdout
        assert "failed" not in stdout + stderr


def wait_until_ended(pid):
    deadline = time.monotonic() + 30
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_counts_as_stopped():
    assert was_stopped(130)
    assert was_stopped(-signal.SIGINT)
    assert not was_stopped(-signal.SIGTERM)  # someone else ended it
    assert was_stopped(-signal.SIGTERM, asked=True)
    assert not was_stopped(2, asked=True)  # e.g. the disk is full


def test_the_parent_is_not_announced_to_grandchildren(monkeypatch):
    monkeypatch.setattr(parent, "_watch", lambda pid: None)
    monkeypatch.setattr(os, "environ", parent.announced_in({"A": "b"}))
    assert len(os.environ) == 2
    parent.stop_when_it_ends()
    assert os.environ == {"A": "b"}


def test_signals_at_the_same_moment_are_one():
    """systemd and clusters signal the task, and main.py passes its own signal on."""
    with stop_requests() as requests:
        assert not stop_requested()
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert requests == [signal.SIGTERM]
        assert stop_requested()
        time.sleep(0.6)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    with stop_requests() as requests:
        assert requests == []


@pytest.mark.parametrize("script", ["main.py", "gan_task.py"])
def test_windows_is_one_line(experiment, monkeypatch, capsys, script):
    from disentanglement.experiments import cli

    monkeypatch.setattr(sys, "platform", "win32")
    command = cli.main if script == "main.py" else cli.task
    assert command(experiment, []) == 2
    message = capsys.readouterr().err
    assert "Windows is not supported: use WSL 2" in message
    assert message.count("\n") == 1


@pytest.mark.slow
def test_modules_can_be_imported_where_unix_signals_are_missing():
    code = (
        "import signal, sys\n"
        "for name in ('SIGALRM', 'SIGHUP', 'SIGKILL', 'setitimer', 'ITIMER_REAL'):\n"
        "    delattr(signal, name)\n"
        "sys.modules['fcntl'] = sys.modules['resource'] = None\n"
        "import disentanglement.experiments.cli, disentanglement.experiments.reproduce\n"
        "import disentanglement.evaluation.score_command\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
