"""Records: what a run or an evaluation was, and what came of it, for people and for main.py."""

import contextlib
import dataclasses
import json
import os
import platform
import re
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from disentanglement.errors import UserError
from disentanglement.files import write_text

FILE = "run.json"
_NUMBERS = re.compile(r'\[\n([^\[\]"{}]*)\]')
_PACKAGES = (
    "disentanglement",
    "keras",
    "tensorflow",
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "scikit-learn",
)


def start(folder: Path, config, devices: list[str]) -> dict:
    """Write the record of a run that starts or resumes now, and return it."""
    record = {
        "state": "training",
        "started": datetime.now().isoformat(timespec="seconds"),
        "config": dataclasses.asdict(config),
        **environment(devices),
    }
    save(folder, record)
    return record


def environment(devices: list[str] | None = None) -> dict:
    """The versions and the hardware that numbers were made with.

    devices: what the networks ran on, where any did.
    """
    hardware = {"cpu": _cpu(), "cores": os.cpu_count()}
    return {
        "versions": _versions(),
        "backend": os.environ["KERAS_BACKEND"],
        "python": platform.python_version(),
        "hardware": hardware if devices is None else hardware | {"devices": devices},
    }


def save(folder: Path, record: dict, name: str = FILE) -> None:
    # A row of a matrix stays on one line.
    text = _NUMBERS.sub(
        lambda found: f"[{' '.join(found[1].split())}]", json.dumps(record, indent=2)
    )
    write_text(folder / name, text + "\n")


def read(folder: Path, name: str = FILE) -> dict:
    """The record in `folder`, or {} where there is none. Raises UserError if it is damaged."""
    path = folder / name
    try:
        found = json.loads(path.read_text()) if path.exists() else {}
        if not isinstance(found, dict):
            raise ValueError("not a record")
        return found
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}): remove it and run again") from error


def _versions():
    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _cpu():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
