"""Records: JSON files that say what was run, on which hardware and software, with what result."""

import contextlib
import dataclasses
import json
import os
import platform
import re
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from disentanglement.config import TrainingConfig
from disentanglement.errors import UserError
from disentanglement.files import write_text

FILE = "run.json"
_INNERMOST_LIST = re.compile(r'\[\n([^\[\]"{}]*)\]')
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


def start(folder: Path, config: TrainingConfig, devices: list[str]) -> dict[str, Any]:
    """Write the record of a run that starts or resumes now, and return it.

    Args:
        folder: The run's folder.
        config: The run's config.
        devices: The devices that it trains on.
    """
    record = {
        "state": "training",
        "started": datetime.now().isoformat(timespec="seconds"),
        "config": dataclasses.asdict(config),
        **environment(devices),
    }
    save(folder, record)
    return record


def environment(devices: list[str] | None = None) -> dict[str, Any]:
    """Return the software versions and the hardware behind a result.

    Args:
        devices: The devices that networks ran on; None if no network was needed.
    """
    hardware: dict[str, Any] = {"cpu": _cpu(), "cores": os.cpu_count()}
    return {
        "versions": _versions(),
        "backend": os.environ["KERAS_BACKEND"],
        "python": platform.python_version(),
        "hardware": hardware if devices is None else hardware | {"devices": devices},
    }


def save(folder: Path, record: dict[str, Any], name: str = FILE) -> None:
    """Write a record as indented JSON, atomically, with each row of a matrix on one line."""
    text = _INNERMOST_LIST.sub(
        lambda match: f"[{' '.join(match[1].split())}]", json.dumps(record, indent=2)
    )
    write_text(folder / name, text + "\n")


def read(folder: Path, name: str = FILE) -> dict[str, Any]:
    """Return the record in `folder`, or {} if there is none.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / name
    try:
        record = json.loads(path.read_text()) if path.exists() else {}
        if not isinstance(record, dict):
            raise ValueError("not a record")
        return record
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}): remove it and run again") from error


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
