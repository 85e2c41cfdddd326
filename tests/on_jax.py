"""Run tests on JAX from a test."""

import os
import subprocess
import sys

from tests.experiments import ROOT


def pytest_on_jax(*arguments):
    """Run tests on JAX and check that all of them pass: none skipped, and at least one run."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", *arguments],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    # pytest ends with 0 where every test is skipped, and with 5 where none is selected.
    assert result.returncode == 0, result.stdout
    assert "skipped" not in result.stdout, result.stdout
