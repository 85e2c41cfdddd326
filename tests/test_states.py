"""The states of runs, as functions of what their folders hold."""

import dataclasses
import os
import subprocess
import sys

import pytest

from disentanglement import records
from disentanglement.experiments import queues, states
from disentanglement.experiments.runs import RunFolder
from disentanglement.files import fingerprint, lock_file
from disentanglement.training import activity, checkpoint
from tests.experiments import ROOT, load

IMAGES = 737280
METRICS = ("factor_vae", "mig")

HOLD = """
import sys
from pathlib import Path
from disentanglement.training import activity

with activity.claim(Path(sys.argv[1]), activity.TRAINING) as work:
    work.progress(70, 100)
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path):
    """Run 0 of the paper's grid, cut to 100 batches, in an empty folder."""
    chosen = load("InfoGAN-CR_dSprites").grid(overrides=["max_batches=100"])
    return RunFolder(tmp_path, chosen.scheduler, chosen.tasks[0])


@pytest.fixture
def hold():
    """Start a process that works in a folder, and return it."""
    processes = []

    def start(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def write(place, state, batches=0, **config):
    """Write the record and the checkpoint of a run with this state and config."""
    config = dataclasses.asdict(place.task.config) | config
    record = {"state": state, "config": config}
    if state == "finished":
        record |= {"batches": batches, "scores": {"factor_vae": 0.5}, "seconds": 60}
    records.save(place.path, record)
    meta = {"next_batch": batches, "config": config}
    checkpoint.write(place.path / "checkpoint" / checkpoint.FILE, {}, meta)


def score(run, metrics=METRICS):
    """Write the scores of a run's checkpoint as it is now."""
    path = run.path / "checkpoint" / checkpoint.FILE
    record = {
        "model": {"name": "InfoGAN-CR", "checkpoint": fingerprint(path)},
        "metrics": {name: {} for name in metrics},
        "skipped": {},
        "scores": {},
    }
    records.save(run.path, record, "final_metrics.json")


def state(run, **options):
    return states.of(run, IMAGES, lambda: METRICS, **options)


def test_new(run):
    found = state(run)
    assert (found.name, found.batches, found.total) == ("new", 0, 100)
    assert found.note() == "main.py trains it"
    assert not run.path.exists()  # asking leaves no trace


def test_stopped_and_failed(run):
    write(run, "stopped", 40)
    (run.path / "metric.csv").write_text(
        "epoch_id,batch_id,global_id,factor_vae,dhsic\n0,19,19,0.25,\n0,39,39,0.5,0.1\n"
    )
    found = state(run)
    assert (found.name, found.batches, found.note()) == ("stopped", 40, "main.py resumes")
    assert found.scores == {"factor_vae": 0.5, "dhsic": 0.1}
    write(run, "stopped", 40)
    records.note_failure(run.path, ValueError("no luck"))
    found = state(run)
    assert (found.name, found.batches) == ("failed", 40)
    assert found.note() == "ValueError('no luck'); main.py tries again"


def test_running_and_interrupted(run, hold):
    write(run, "training", 60)
    holder = hold(run.path)
    found = state(run)
    assert (found.name, found.batches, found.total) == ("running", 70, 100)
    assert f"training: pid {holder.pid} on " in found.detail
    assert found.activity["pid"] == holder.pid
    holder.kill()
    holder.wait()
    found = state(run)
    assert (found.name, found.batches) == ("interrupted", 60)  # what is saved
    assert f"its process died (pid {holder.pid} on " in found.detail
    assert "last seen 20" in found.detail
    assert found.next == "main.py resumes"
    (run.path / activity.FILE).write_text('{"pid": 3, "host": "a"}')
    os.utime(lock_file(run.path), (0, 0))  # no sign of life for long, also from another host
    assert (state(run).name, state(run).detail) == ("interrupted", "its process died")
    (run.path / activity.FILE).unlink()  # a run of an earlier version
    assert state(run).detail == "its process died"


def test_a_process_that_ends_well_leaves_no_note(run, hold):
    holder = hold(run.path)
    holder.communicate("")
    assert [path.name for path in run.path.iterdir()] == [".lock"]
    assert state(run).name == "new"


def test_finished_scored_stale(run):
    write(run, "finished", 100)
    found = state(run)
    assert (found.name, found.note()) == ("finished", "main_final_metrics.py scores it")
    score(run, ["factor_vae"])
    assert state(run).name == "finished"
    assert state(run).note() == "scored in part; main_final_metrics.py scores the rest"
    score(run)
    assert state(run).name == "scored"
    write(run, "finished", 100, vis_freq=7)  # another checkpoint
    found = state(run)
    assert found.name == "stale"
    assert found.detail == "final_metrics.json is of an earlier model"


def test_the_length_is_part_of_the_state(run):
    write(run, "finished", 70, max_batches=70)
    found = state(run)
    assert (found.name, found.batches, found.is_shorter()) == ("stopped", 70, True)
    assert found.detail == "finished at 70 batches, the config now asks for 100"
    for name in ("finished", "stopped"):
        write(run, name, 3000, max_batches=3000)
        found = state(run)
        assert found.name == "another config"
        assert found.detail == "it has 3,000 batches, more than the 100 that the config asks for"


def test_another_config(run):
    for name in ("finished", "stopped", "training", "failed"):
        write(run, name, 40, batch_size=32)
        found = state(run)
        assert found.name == "another config"
        assert found.detail == "batch_size was 32, is now 64"
        assert "this key is not part of the folder's name" in found.next
    write(run, "stopped", 40, run=3)
    assert "copied or renamed" in state(run).next


def test_a_damaged_checkpoint(run):
    write(run, "stopped", 40)
    path = run.path / "checkpoint" / checkpoint.FILE
    path.write_bytes(path.read_bytes()[:100])
    found = state(run)
    assert found.name == "failed"
    assert "the checkpoint is damaged" in found.detail
    (run.path / records.FILE).unlink()
    assert state(run) == found


@pytest.mark.parametrize(
    "text",
    ["{bad", "[]", '{"state": "finished"}', '{"state": "finished", "config": 7, "batches": "x"}'],
)
def test_a_damaged_record_is_a_failure_of_this_run_only(run, text):
    run.path.mkdir(parents=True)
    (run.path / records.FILE).write_text(text)
    found = state(run)
    assert found.name == "failed"
    assert records.FILE in found.detail


def test_a_checkpoint_without_a_record(run):
    write(run, "finished", 40)
    (run.path / records.FILE).unlink()
    assert (state(run).name, state(run).batches) == ("stopped", 40)


def test_a_strange_note_of_progress(run, hold):
    hold(run.path)
    (run.path / activity.FILE).write_text('{"batches": "x", "pid": "y", "updated": 3}')
    found = state(run)
    assert (found.name, found.batches) == ("running", 0)


def test_a_process_that_gives_no_sign_of_life(run, hold):
    hold(run.path)
    note = records.read(run.path, activity.FILE) | {"updated": "2026-01-01T00:00:00"}
    records.save(run.path, note, activity.FILE)
    assert state(run).detail.endswith("last sign of life 2026-01-01T00:00:00")


def test_the_rate_leaves_out_the_first_batch(tmp_path, monkeypatch):
    clock = iter([0.0, 100.0, 110.0, 120.0])
    monkeypatch.setattr(activity, "_SECONDS", -1.0)
    work = activity.Activity(tmp_path, activity.TRAINING)
    monkeypatch.setattr(activity.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(work, "_write", lambda: None)
    work._written = -1e9
    for done in (0, 1, 11, 21):
        work.progress(done, 61)
    assert work._state["batches_a_second"] == 1.0
    assert work._state["seconds_left"] == 40


def test_queues_of_live_processes_only(run, tmp_path):
    results = tmp_path / "results"
    name = run.task.name
    with queues.announced(results, "train", [name, "other"]) as queue:
        sentence = "a main script will train it"
        assert queues.waiting(results) == {name: sentence, "other": sentence}
        found = state(run, queue=queues.waiting(results))
        assert (found.name, found.detail) == ("queued", "a main script will train it")
        queue.start([name])
        assert queues.waiting(results) == {"other": sentence}
        queue.clear()
        assert queues.waiting(results) == {}
    assert queues.waiting(results) == {}
    assert list(results.iterdir()) == []
    dead = results / ".queues" / "host-1"
    records.save(dead, {"verb": "train", "runs": [name]}, "queue.json")
    (dead / ".lock").touch()
    assert queues.waiting(results) == {}
    with queues.announced(results, "train", []):
        assert not dead.exists()


def test_the_session_of_a_process_that_died(run):
    first = records.start(run.path, run.task.config, ["CPU"], 0)
    assert "ended" not in first["sessions"][0]
    second = records.start(run.path, run.task.config, ["CPU"], 60, "2026-01-01T00:00:00")
    before, now = second["sessions"]
    assert (before["first_batch"], before["batches"]) == (0, 60)
    assert before["interrupted"] is True
    assert before["ended"] == "2026-01-01T00:00:00"
    assert now["first_batch"] == 60
