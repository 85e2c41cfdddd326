"""A run that is killed anywhere and restarted ends exactly like an unbroken one."""

import signal
import time

import pytest

from disentanglement import records
from disentanglement.training import checkpoint
from tests import tiny
from tests.runs import BATCHES, assert_same_events, assert_same_result, rows, spawn


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.4, 1.1])
def test_kill_9_and_start_again(unbroken, tmp_path, seconds):
    """Kill the run some time after its first checkpoint, then let it finish."""
    run = spawn(tmp_path)
    deadline = time.monotonic() + 120
    while not (tmp_path / "checkpoint" / "model.npz").exists():
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.005)
    time.sleep(seconds)
    run.kill()
    run.communicate()
    run = spawn(tmp_path)
    output = run.communicate(timeout=300)[0]
    assert run.returncode == 0, output
    assert_same_result(tmp_path, unbroken)
    assert_same_events(tmp_path, unbroken)


@pytest.mark.parametrize(
    ("at", "save"),
    [
        pytest.param("writing", 1, marks=pytest.mark.slow),
        ("writing", 6),
        pytest.param("flushed", 6, marks=pytest.mark.slow),
        pytest.param("renamed", 5, marks=pytest.mark.slow),
    ],
)
def test_kill_9_in_the_middle_of_a_checkpoint(unbroken, tmp_path, at, save):
    """The process kills itself while it writes its n-th checkpoint: halfway through the file, or
    just before or after the rename. The sixth is that of an epoch's end."""
    run = spawn(tmp_path, KILL_AT=at, KILL_SAVE=str(save))
    output = run.communicate(timeout=300)[0]
    assert run.returncode == -signal.SIGKILL, output
    run = spawn(tmp_path)
    output = run.communicate(timeout=300)[0]
    assert run.returncode == 0, output
    assert ("resumed from" in output) == (save > 1 or at == "renamed")
    assert_same_result(tmp_path, unbroken)
    assert_same_events(tmp_path, unbroken)


@pytest.mark.slow
def test_a_killed_metric_table_keeps_whole_rows_only(unbroken, tmp_path):
    """Rows past the checkpoint and incomplete rows are dropped and computed again."""
    run = spawn(tmp_path, KILL_AT="renamed", KILL_SAVE="5")
    run.communicate(timeout=300)
    with (tmp_path / "metric.csv").open("a") as file:
        file.write("1,-1,31,0.25\n1,3")
    run = spawn(tmp_path)
    run.communicate(timeout=300)
    assert_same_result(tmp_path, unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_resume(unbroken, tmp_path, number):
    run = spawn(tmp_path, "checkpoint_freq=1000")
    while not (tmp_path / "metric.csv").exists() or len(rows(tmp_path)) < 2:
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)
    run.send_signal(number)
    output = run.communicate(timeout=60)[0]
    assert run.returncode == 130, output
    assert "saved in" in output
    assert "same command again to resume" in output
    assert records.read(tmp_path)["state"] == "stopped"
    assert checkpoint.load_meta(tmp_path / "checkpoint" / "model.npz")["next_batch"] < BATCHES
    run = spawn(tmp_path)
    run.communicate(timeout=300)
    assert_same_result(tmp_path, unbroken)
    first, second = records.read(tmp_path)["sessions"]
    assert first["first_batch"] == 0
    assert first["batches"] == second["first_batch"]
    assert first["batches"] + second["batches"] == BATCHES


@pytest.mark.slow
def test_a_finished_run_can_be_trained_longer(unbroken, tmp_path):
    tiny.train(tmp_path, epoch=2)
    tiny.train(tmp_path)
    assert_same_result(tmp_path, unbroken)
