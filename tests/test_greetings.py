"""TensorFlow's greetings are held back; what matters is shown."""

import errno
import io
import os
import subprocess
import sys
import tempfile

import pytest

from disentanglement import engine, greetings
from tests.experiments import ROOT

GREETINGS = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795596794.898460   11904 port.cc:153] oneDNN custom operations are on.
2026-11-25 08:54:41.102: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow ...
To enable the following instructions: AVX2 FMA, rebuild TensorFlow.
E0000 00:00:1795596295.593903    9536 cuda_platform.cc:52] failed call to cuInit: INTERNAL: \
CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)
"""
TROUBLE = b"W0000 00:00:1795596295.593903 gpu_device.cc:2342] Cannot dlopen some GPU libraries.\n"
USES = {
    "a published model": """
from disentanglement import pretrained
import numpy as np
model = pretrained.load("InfoGAN-CR_dSprites/hour/run-0")
model.encode(model.generate(model.latent.sample(np.random.default_rng(0), 2)))
""",
    "evaluate, then Keras": """
from disentanglement.evaluation.evaluate import evaluate
import keras, numpy as np
keras.layers.Dense(3)(np.ones((2, 2), "float32"))
""",
}


def stderr_of(code, **environment):
    """Run Python code as a user would, and return what it writes to stderr."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("TF_CPP")}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT, env=variables | environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("use", USES)
def test_library_users_see_no_greetings(use):
    assert stderr_of(USES[use]) == ""


@pytest.mark.slow
@pytest.mark.skipif(engine.NAME != "TensorFlow", reason="JAX does not greet")
def test_who_asks_for_messages_gets_them():
    assert "oneDNN" in stderr_of("import disentanglement, keras", TF_CPP_MIN_LOG_LEVEL="0")


def write(descriptor=2, text=GREETINGS + TROUBLE + GREETINGS):
    os.write(descriptor, text)


def test_only_greetings_are_held_back(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    with greetings.held_back():
        write()
    assert capfd.readouterr().err == TROUBLE.decode()


def test_everything_is_shown_after_an_error(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")

    def fail():
        with greetings.held_back():
            write(text=GREETINGS)
            raise ImportError("libcudart")

    with pytest.raises(ImportError, match="libcudart"):
        fail()
    assert capfd.readouterr().err == GREETINGS.decode()


def no_memory_file(name):
    raise OSError("no memfd here")


def test_without_a_temporary_folder_nothing_is_held_back(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    before = os.dup(2)
    os.close(before)
    with monkeypatch.context() as broken:
        broken.setattr(os, "memfd_create", no_memory_file, raising=False)
        broken.setattr(tempfile, "tempdir", "/nonexistent")
        with greetings.held_back():
            write(text=GREETINGS)
    assert capfd.readouterr().err == GREETINGS.decode()
    after = os.dup(2)
    os.close(after)
    assert after == before  # no descriptor is left open


@pytest.mark.skipif(sys.platform != "linux", reason="memfd_create is Linux's")
def test_on_linux_no_temporary_folder_is_needed(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    with monkeypatch.context() as broken:
        broken.setattr(tempfile, "tempdir", "/nonexistent")
        with greetings.held_back():
            write()
    assert capfd.readouterr().err == TROUBLE.decode()


def test_a_file_that_cannot_be_written_is_survived(capfd, monkeypatch, tmp_path):
    class Full(io.FileIO):
        """The descriptor takes nothing, as on a full disk, and nothing can be read from it."""

        def seek(self, *args):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    (tmp_path / "file").touch()
    with monkeypatch.context() as broken:
        broken.setattr(os, "memfd_create", no_memory_file, raising=False)
        broken.setattr(tempfile, "TemporaryFile", lambda: Full(tmp_path / "file"))
        with greetings.held_back(), pytest.raises(OSError, match="Bad file descriptor"):
            write()
    os.write(2, b"stderr works again")
    assert capfd.readouterr().err == "stderr works again"


@pytest.mark.parametrize("level", ["0", "1"])
def test_nothing_is_held_back_from_who_wants_it(capfd, monkeypatch, level):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    with greetings.held_back():
        write(text=GREETINGS)
        assert capfd.readouterr().err == GREETINGS.decode()


def test_a_tensorflow_that_is_there_already_is_the_users(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setitem(sys.modules, "tensorflow", object())
    greetings.hold_back_at_import()
    assert sys.meta_path == []
    monkeypatch.delitem(sys.modules, "tensorflow")
    greetings.hold_back_at_import()
    assert len(sys.meta_path) == 1
