"""main.py --status, and grids of which a run is trained elsewhere; with stand-ins for training."""

import json
import os
import re
import signal

from tests.commands import run, start, wait_for

LONG = {"SECONDS": "60"}


def status(folder, *arguments):
    result = run(folder, *arguments, "--status", "--json")
    assert result.returncode == 0, result.stderr
    return {entry["run"][-6:]: entry for entry in json.loads(result.stdout)}


def log_of(folder, number):
    (path,) = folder.glob(f"results/*run-{number},/worker.log")
    return path.read_text()


def test_live_killed_finished_queued_and_new_runs_side_by_side(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    killed = start(experiment, "4", script="gan_task.py", **LONG)
    wait_for(experiment, "start", 2)
    killed.kill()
    killed.communicate()
    main = start(experiment, "--runs", "5-6", **LONG)
    try:
        wait_for(experiment, "start", 3)
        found = status(experiment, "--runs", "3-7")
        assert [entry["state"] for entry in found.values()] == [
            "finished", "interrupted", "running", "queued", "new",
        ]  # fmt: skip
        assert found["run-3,"]["batches"] == found["run-3,"]["total"] == 322560
        assert found["run-3,"]["next"] == "main_final_metrics.py scores it"
        assert f"pid {killed.pid} on " in found["run-4,"]["detail"]
        live = found["run-5,"]
        assert live["doing"] == "training"
        os.kill(live["pid"], 0)
        text = run(experiment, "--runs", "3-7", "--status").stdout
        assert re.search(r"\n  running +0 of 322,560 .*run-5  training: pid \d+ on ", text)
        assert "/results, all cr_coe_increase-2.0, " in text
        assert re.search(r"\n  new +0 of 322,560 .*run-7  main.py trains it\n", text)
    finally:
        main.send_signal(signal.SIGINT)
        main.communicate(timeout=60)
    found = status(experiment, "--runs", "5-6")
    assert [entry["state"] for entry in found.values()] == ["stopped", "new"]


def test_a_run_that_is_trained_elsewhere(experiment):
    elsewhere = start(experiment, "3", script="gan_task.py", **LONG)
    try:
        wait_for(experiment, "start")
        before = log_of(experiment, 3)
        for force in ([], ["--set", "force_rerun=True"]):
            result = run(experiment, "--runs", "3-4", *force, SECONDS="0")
            assert result.returncode == 3, result.stdout + result.stderr
            assert "failed" not in result.stdout
            assert "2 runs, 1 to train" in result.stdout
            assert re.search(
                rf"\n  running .*run-3,  training: pid {elsewhere.pid} on ", result.stdout
            )
        again = run(experiment, "3", script="gan_task.py")
        assert again.returncode == 3
        assert f"(training: pid {elsewhere.pid} on " in again.stdout
        assert again.stderr == ""
        scored = run(experiment, "--runs", "3", script="main_final_metrics.py")
        assert scored.returncode == 3
        assert "\n  running " in scored.stdout
        assert log_of(experiment, 3) == before
    finally:
        elsewhere.send_signal(signal.SIGINT)
        elsewhere.communicate(timeout=60)


def test_a_run_that_another_process_starts_first(experiment):
    """It was free when main.py looked, but not when its turn came."""
    main = start(experiment, "--runs", "3-4", SECONDS="3")
    wait_for(experiment, "start")
    elsewhere = start(experiment, "4", script="gan_task.py", **LONG)
    try:
        wait_for(experiment, "start", 2)
        stdout, stderr = main.communicate(timeout=60)
        assert main.returncode == 3, stdout + stderr
        assert "run-4,: another process has started it in the meantime" in stdout
        assert "failed" not in stdout
    finally:
        elsewhere.send_signal(signal.SIGINT)
        elsewhere.communicate(timeout=60)


def test_failures_have_their_reason(experiment):
    run(experiment, "--runs", "1", SECONDS="0")
    entry = status(experiment, "--runs", "1")["run-1,"]
    assert entry["state"] == "failed"
    assert entry["detail"] == "discriminator/loss became nan in batch 7"
    assert entry["next"] == "main.py tries again"


def test_scores_of_a_shorter_run(experiment):
    shorter = ("--runs", "3", "--set", "max_batches=70")
    run(experiment, *shorter, SECONDS="0")
    result = run(experiment, "--runs", "3", script="main_final_metrics.py")
    assert result.returncode == 2
    assert "run-3, has 70 of 322,560 batches: repeat the --set options" in result.stderr
    assert run(experiment, *shorter, script="main_final_metrics.py").returncode == 0
    assert status(experiment, *shorter)["run-3,"]["state"] == "scored"
    dry = run(experiment, "--runs", "3", "--dry-run")
    assert (
        "finished at 70 batches, the config now asks for 322,560; main.py continues it"
        in dry.stdout
    )
    longer = run(experiment, "--runs", "3", "--set", "max_batches=60", "--dry-run")
    assert "another config" in longer.stdout
    assert "it has 70 batches, more than the 60 that the config asks for" in longer.stdout


def test_stale_scores(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    run(experiment, "--runs", "3", script="main_final_metrics.py")
    assert status(experiment, "--runs", "3")["run-3,"]["state"] == "scored"
    (path,) = experiment.glob("results/*run-3,/checkpoint/model.npz")
    path.write_text("trained further")
    entry = status(experiment, "--runs", "3")["run-3,"]
    assert entry["state"] == "stale"
    assert entry["detail"] == "final_metrics.json is of an earlier model"
