"""Adds the experiments' gan/ folders to the wheel: published models are built from them.

Everything else is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithExperiments(build_py):
    """Builds the package with the experiments in disentanglement/_experiments/."""

    def run(self):
        super().run()
        if self.editable_mode:  # the checkout has them
            return
        for source in sorted(ROOT.glob("*/gan/*.py")):
            target = Path(self.build_lib, "disentanglement", "_experiments")
            target /= source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithExperiments})
