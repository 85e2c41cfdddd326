"""The experiment folders as importable packages (their names hold hyphens and each has a `gan`)."""

import importlib
import importlib.util
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"


def load(folder: str, module: str):
    """`gan/<module>.py` of an experiment folder, e.g. load("InfoGAN-CR_dSprites", "network")."""
    package = "experiment_" + "".join(c if c.isalnum() else "_" for c in folder)
    if package not in sys.modules:
        path = ROOT / folder / "gan"
        spec = importlib.util.spec_from_file_location(
            package, path / "__init__.py", submodule_search_locations=[str(path)]
        )
        sys.modules[package] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[package])
    return importlib.import_module(f"{package}.{module}")


def load_experiment(folder: str):
    """The EXPERIMENT of a folder's experiment.py."""
    return runpy.run_path(str(ROOT / folder / "experiment.py"))["EXPERIMENT"]
