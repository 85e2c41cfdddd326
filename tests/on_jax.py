"""Run tests on JAX from a test."""

import os
import re
import subprocess
import sys

from tests.experiments import ROOT


def pytest_on_jax(*arguments):
    """Run tests on JAX, check that all pass and none is skipped, and return how many there are."""
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
    return int(re.search(r"(\d+) passed", result.stdout).group(1))
