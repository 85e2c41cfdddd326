"""Records: JSON files that say what was run, on which hardware and software, with what result."""

import contextlib
import dataclasses
import functools
import json
import os
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import disentanglement
from disentanglement import threads
from disentanglement.config import TrainingConfig
from disentanglement.errors import UserError
from disentanglement.files import write_text

FILE = "run.json"
_INNERMOST_LIST = re.compile(r'\[\n([^\[\]"{}]*)\]')
_PACKAGES = (
    "keras",
    "tensorflow",
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "scikit-learn",
)


def start(
    folder: Path,
    config: TrainingConfig,
    devices: list[str],
    next_batch: int,
    last_seen: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the record of a run that starts or resumes now, and return it.

    Its last session is the new one; those of earlier processes are kept. If the one before died,
    it could not note its end: it is marked as interrupted here.

    Args:
        folder: The run's folder.
        config: The run's config.
        devices: The devices that it trains on.
        next_batch: The number of the first batch of this session.
        last_seen: When the last process was last known to be alive, if it died.
        more: Further entries.
    """
    earlier = read(folder).get("sessions", [])
    if earlier and "ended" not in earlier[-1]:
        kept = max(0, next_batch - earlier[-1]["first_batch"])
        earlier[-1] |= {"ended": last_seen, "interrupted": True, "batches": kept}
    made_by = environment(devices)
    session = {"started": now(), "pid": os.getpid(), "first_batch": next_batch, **made_by}
    record = {
        "state": "training",
        "started": session["started"],
        "config": dataclasses.asdict(config),
        **made_by,
        "sessions": [*earlier, session],
        **(more or {}),
    }
    save(folder, record)
    return record


def note_failure(folder: Path, error: Exception) -> None:
    """Note in a run's record that it failed before it could train, and why.

    The record of a finished run, and of one that this process has noted as failed, stays as it is.
    """
    with contextlib.suppress(UserError):  # e.g. a full disk, which is the error to report
        record = read(folder)
        session = (record.get("sessions") or [{}])[-1]
        ours = session.get("pid") == os.getpid() and "ended" in session
        noted = record.get("state") == "failed" and ours
        if record.get("state") != "finished" and not noted:
            save(folder, record | {"state": "failed", "why": reason(error)})


def reason(error: Exception) -> str:
    """Return why a run failed, as its record says it."""
    return str(error) if isinstance(error, UserError) else repr(error)


def now() -> str:
    """Return the local time as records give it, to the second."""
    return datetime.now().isoformat(timespec="seconds")


def environment(devices: list[str] | None = None) -> dict[str, Any]:
    """Return the software and the hardware behind a result.

    Args:
        devices: The devices that networks ran on; None if no network was needed.
    """
    hardware: dict[str, Any] = {
        "host": socket.gethostname(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": threads.used(),
    }
    return {
        "versions": _versions(),
        "source": _source(),
        **_keras(),
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


def part(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a part of a record that should be a dictionary; {} if it is not one."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _versions() -> dict[str, str]:
    # Our own from the code that runs: the installed metadata may be those of an earlier version.
    versions = {"disentanglement": disentanglement.__version__}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


@functools.cache
def _source() -> dict[str, Any] | None:
    """Return the git commit of the code that runs and whether it was clean; None outside git."""
    folder = Path(__file__).resolve().parents[1]
    if not (folder / ".git").exists():
        return None
    commands = {"commit": ["rev-parse", "HEAD"], "changes": ["status", "--porcelain", "-uno"]}
    found = {}
    for name, arguments in commands.items():
        try:
            result = subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):  # no git, or another user's checkout
            return None
        found[name] = result.stdout.strip()
    return {"commit": found["commit"], "clean": not found["changes"]}


def _keras() -> dict[str, str | None]:
    """Return Keras's backend and the type that networks compute in; None if it is not in use."""
    keras = sys.modules.get("keras")
    if keras is None:
        return {"backend": None, "precision": None}
    policy = keras.config.dtype_policy()
    return {"backend": keras.config.backend(), "precision": policy.compute_dtype}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
