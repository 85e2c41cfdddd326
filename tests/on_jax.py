"""Run tests on JAX from a test."""

import os
import subprocess
import sys

from tests.experiments import ROOT


def pytest_on_jax(*arguments):
    """Run tests on JAX, check that they pass, and return what pytest prints."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", *arguments],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout
