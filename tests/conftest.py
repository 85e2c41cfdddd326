"""Fixtures that several test files share."""

import os

import pytest

from tests.commands import copy_experiment
from tests.experiments import ROOT
from tests.runs import spawn

# JAX spends most of a test compiling: processes share what one of them has compiled.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory):
    """A finished run that was never interrupted, trained in its own process."""
    folder = tmp_path_factory.mktemp("unbroken")
    result = spawn(folder)
    output = result.communicate(timeout=300)[0]
    assert result.returncode == 0, output
    return folder


@pytest.fixture
def experiment(tmp_path):
    """A copy of an experiment folder with fake tasks (tests/commands.py)."""
    return copy_experiment(tmp_path / "experiment")
