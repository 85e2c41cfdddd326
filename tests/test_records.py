"""Records say which code made them."""

import subprocess
import sys

import pytest

from disentanglement import records


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git repository in which the package's code seems to lie."""

    def git(*arguments):
        identity = ["-c", "user.name=name", "-c", "user.email=name@example.org"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    monkeypatch.setattr(records, "__file__", str(tmp_path / "disentanglement" / "records.py"))
    records._source.cache_clear()
    yield git
    records._source.cache_clear()


def test_no_commit_outside_git(checkout):
    assert records.environment()["source"] is None


def test_commit_and_changes(checkout, tmp_path):
    checkout("init", "-q")
    (tmp_path / "code.py").write_text("one")
    checkout("add", "code.py")
    checkout("commit", "-qm", "one")
    commit = checkout("rev-parse", "HEAD")
    assert records.environment()["source"] == {"commit": commit, "clean": True}
    (tmp_path / "code.py").write_text("two")
    records._source.cache_clear()
    assert records.environment()["source"] == {"commit": commit, "clean": False}


def test_the_backend_is_that_of_keras_if_it_is_in_use(monkeypatch):
    import keras

    made_by = records.environment()
    assert (made_by["backend"], made_by["precision"]) == (keras.config.backend(), "float32")
    monkeypatch.delitem(sys.modules, "keras")
    made_by = records.environment()
    assert (made_by["backend"], made_by["precision"]) == (None, None)
