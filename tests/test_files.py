"""Locks on a folder, between real processes; fingerprints."""

import select
import subprocess
import sys

import pytest

from disentanglement import files
from disentanglement.errors import UserError
from disentanglement.files import fingerprint, locked, write_text
from tests.experiments import ROOT

HOLD = """
import sys
from pathlib import Path
from disentanglement.files import locked

with locked(Path(sys.argv[1]), wait=True):
    print("locked", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def hold(tmp_path):
    """Start processes that lock `tmp_path`, waiting if they must, until a line reaches stdin."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_locked_folder_is_refused(tmp_path, hold):
    holder = hold()
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(UserError, match="another process is using this folder") as error:
        locked(tmp_path).__enter__()
    assert str(tmp_path) in str(error.value)
    assert holder.communicate("\n") == ("", "")
    assert holder.returncode == 0
    with locked(tmp_path):
        pass


def test_waiting_for_a_locked_folder(tmp_path, hold):
    holder = hold()
    assert holder.stdout.readline() == "locked\n"
    waiting = hold()
    line = waiting.stderr.readline()
    assert line == f"waiting for another process that is using {tmp_path}\n"
    assert select.select([waiting.stdout], [], [], 0.5)[0] == []  # it has not got the lock
    holder.communicate("\n")
    assert waiting.stdout.readline() == "locked\n"


def test_kill_9_frees_the_folder(tmp_path, hold):
    holder = hold()
    assert holder.stdout.readline() == "locked\n"
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        pass


def test_an_error_frees_the_folder(tmp_path):
    with pytest.raises(ValueError, match="inside"), locked(tmp_path):
        raise ValueError("inside")
    with locked(tmp_path):
        pass


def test_a_fingerprint_is_computed_once_for_each_content(tmp_path, monkeypatch):
    hashed, sha256 = [], files.hashlib.sha256
    monkeypatch.setattr(files.hashlib, "sha256", lambda data: hashed.append(data) or sha256(data))
    path = tmp_path / "model.npz"
    write_text(path, "one")
    assert fingerprint(path) == fingerprint(path) == "7692c3ad3540bb80"
    write_text(path, "two")
    assert fingerprint(path) == "3fc4ccfe745870e2"
    assert hashed == [b"one", b"two"]
    with pytest.raises(UserError):
        fingerprint(tmp_path / "none")
