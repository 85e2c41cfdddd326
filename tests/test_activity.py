"""Who works in a run's folder, where locks do not reach from one host to another."""

import json
import os
import socket
import threading
import time

import pytest

from disentanglement.errors import FolderInUse
from disentanglement.files import lock_file, locked
from disentanglement.training import activity


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run's folder whose last process was on host "far"; half a second of silence means death."""
    monkeypatch.setattr(activity, "BEAT", 0.05)
    monkeypatch.setattr(activity, "SILENCE", 0.5)
    note = {"doing": "training", "pid": 3, "host": "far"}
    (tmp_path / activity.FILE).write_text(json.dumps(note))
    lock_file(tmp_path).touch()
    return tmp_path


@pytest.fixture
def far(folder):
    """The process on the other host: it touches the lock file, which nobody here has locked."""
    over = threading.Event()

    def live():
        while not over.wait(0.05):
            os.utime(lock_file(folder))

    thread = threading.Thread(target=live)
    thread.start()
    yield
    over.set()
    thread.join()


def test_a_live_process_of_another_host_is_left_alone(folder, far):
    assert activity.current(folder)["host"] == "far"
    assert activity.left_behind(folder) == {}
    with (
        pytest.raises(FolderInUse, match="pid 3 on far.*do not reach other hosts"),
        activity.claim(folder, activity.TRAINING),
    ):
        pass
    assert json.loads((folder / activity.FILE).read_text())["host"] == "far"


def test_a_dead_process_of_another_host_is_told_from_a_live_one(folder):
    start = time.monotonic()
    with activity.claim(folder, activity.TRAINING):
        assert time.monotonic() - start > 0.4
        assert activity.current(folder)["host"] == socket.gethostname()


def test_one_that_died_long_ago_costs_no_time(folder):
    os.utime(lock_file(folder), (0, 0))
    start = time.monotonic()
    with activity.claim(folder, activity.TRAINING):
        assert time.monotonic() - start < 0.3


def test_work_gives_signs_of_life(folder):
    (folder / activity.FILE).unlink()
    with activity.claim(folder, activity.TRAINING):
        before = lock_file(folder).stat().st_mtime_ns
        end = time.monotonic() + 5
        while lock_file(folder).stat().st_mtime_ns == before:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_lock_that_a_dead_host_left_at_the_file_server_is_waited_for(folder, monkeypatch):
    monkeypatch.setattr(activity, "LEASE", 5)
    lock = locked(folder)
    lock.__enter__()
    timer = threading.Timer(1.5, lock.__exit__, (None, None, None))
    timer.start()
    start = time.monotonic()
    with activity.claim(folder, activity.TRAINING):
        assert time.monotonic() - start > 1.4
    timer.join()


def test_a_lock_that_stays_is_one_line(folder, monkeypatch):
    monkeypatch.setattr(activity, "LEASE", 0)
    with (
        locked(folder),
        pytest.raises(FolderInUse, match="pid 3 on far.*no sign of life, but the file server"),
        activity.claim(folder, activity.TRAINING),
    ):
        pass


def test_a_live_process_of_another_host_that_has_the_lock_is_left_alone(folder, far):
    with (
        locked(folder),
        pytest.raises(FolderInUse, match="pid 3 on far.: wait for it, or stop it"),
        activity.claim(folder, activity.TRAINING),
    ):
        pass
