"""Load experiments. No other code imports from an experiment's folder."""

import functools
import importlib
import re
import sys
import zlib
from pathlib import Path
from types import ModuleType

from disentanglement.errors import UserError
from disentanglement.experiments.experiment import Experiment

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "_experiments"  # in a wheel, see setup.py
ROOT = _INSTALLED if _INSTALLED.exists() else _PACKAGE.parent  # the folder of the experiments
_DEFINITION = re.compile(r"^EXPERIMENT\b", re.MULTILINE)


def load(folder: Path | str) -> Experiment:
    """Return the EXPERIMENT that a file in the folder's gan/ defines.

    The gan/ folder becomes a package whose name depends on its path, so several experiments can be
    loaded in one process, and the files in gan/ import each other with `from . import network`.

    Args:
        folder: A path, or the name of one of this project's experiments, e.g.
            "InfoGAN-CR_dSprites".

    Raises:
        UserError: There is no experiment in the folder.
    """
    for path in (Path(folder), ROOT / folder):
        if entry := _entry(path.resolve()):
            return _load(entry)
    raise UserError(
        f"{folder}: no experiment here: no file in its gan/ defines EXPERIMENT. This project has "
        f"{', '.join(path.name for path in folders())}"
    )


def folders() -> list[Path]:
    """Return the folders of this project's experiments, sorted by name."""
    return [path for path in sorted(ROOT.iterdir()) if _entry(path)]


@functools.cache
def _load(entry: Path) -> Experiment:
    folder = entry.parents[1]
    name = f"{re.sub(r'[^0-9A-Za-z]', '_', folder.name)}_{zlib.crc32(str(folder).encode()):08x}"
    package = ModuleType(name)
    package.__path__ = [str(entry.parent)]
    sys.modules[name] = package
    return importlib.import_module(f"{name}.{entry.stem}").EXPERIMENT


def _entry(folder: Path) -> Path | None:
    """Return the file in gan/ that defines EXPERIMENT, or None. Raises UserError if several do."""
    files = sorted((folder / "gan").glob("*.py"))
    found = [path for path in files if _DEFINITION.search(path.read_text())]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise UserError(f"{folder / 'gan'}: {names} both define EXPERIMENT: remove one of them")
    return found[0] if found else None
