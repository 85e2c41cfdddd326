"""Which GPUs runs may use: those of nvidia-smi, CUDA_VISIBLE_DEVICES and the config."""

import os
import subprocess
from collections.abc import Mapping

from disentanglement.errors import UserError
from disentanglement.scheduler_config import SchedulerConfig

_VARIABLE = "CUDA_VISIBLE_DEVICES"


def installed() -> dict[str, str]:
    """Return the UUIDs of this machine's NVIDIA GPUs by index; {} without a working nvidia-smi."""
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        result = subprocess.run(query, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    if result.returncode != 0:
        return {}
    pairs = (line.partition(",") for line in result.stdout.splitlines() if line.strip())
    return {index.strip(): uuid.strip() for index, _, uuid in pairs}


def usable(config: SchedulerConfig) -> list[str]:
    """Return the indices of the GPUs that runs may use; [] means the CPU.

    Raises:
        UserError: There are GPUs, but CUDA_VISIBLE_DEVICES and the config allow none of them.
    """
    found = installed()
    visible = _visible(found)
    chosen = [index for index in visible if index in config.gpu]
    if visible and not chosen:
        limit = f", {_VARIABLE} allows {_names(visible)}" if _VARIABLE in os.environ else ""
        raise UserError(
            f"no GPU to use: nvidia-smi lists {_names(found)}{limit}, and 'gpu' in "
            f"scheduler_config allows {_names(config.gpu)}: change it, e.g. --set "
            f"gpu={','.join(visible)}"
        )
    return chosen


def where(chosen: list[str]) -> str:
    """Return where runs go, given the usable GPUs, for a message."""
    if chosen:
        return f"GPU{'s' if len(chosen) > 1 else ''} {', '.join(chosen)}"
    hidden = _VARIABLE in os.environ and installed()
    why = f" ({_VARIABLE}={os.environ[_VARIABLE]!r} hides the GPUs)" if hidden else ""
    return f"this CPU, one after another{why}"


def environment(index: str, tasks_per_gpu: int) -> dict[str, str]:
    """Return the environment of a task on this GPU, which it may share with others."""
    # nvidia-smi numbers GPUs by bus; by default, CUDA puts the fastest first.
    variables = {**os.environ, _VARIABLE: index, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return variables | memory_limit(tasks_per_gpu)


def memory_limit(tasks_per_gpu: float) -> dict[str, str]:
    """Return the variables that keep a task within its share of a GPU's memory."""
    # JAX would reserve most of the memory for each task. (TensorFlow takes what it needs: see
    # disentanglement/__init__.py.)
    names = ("XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_CLIENT_MEM_FRACTION")
    if tasks_per_gpu > 1 and not any(name in os.environ for name in names):
        return {names[0]: f"{memory_share(tasks_per_gpu):.3f}"}
    return {}


def memory_share(tasks_per_gpu: float) -> float:
    """Return the share of a GPU's memory that is meant for each of its tasks."""
    return 0.8 / tasks_per_gpu


def _visible(found: Mapping[str, str]) -> list[str]:
    """Return the indices of those GPUs that CUDA_VISIBLE_DEVICES allows, by CUDA's rules."""
    if _VARIABLE not in os.environ:
        return list(found)
    visible: set[str] = set()
    for entry in os.environ[_VARIABLE].split(",") if found else ():
        entry = entry.strip()
        if entry in ("", "-1"):  # CUDA ignores what comes after it
            break
        names = [i for i, uuid in found.items() if i == entry or _is_start(entry, uuid)]
        if len(names) != 1:
            problem = "fits several GPUs" if names else "is not a GPU that nvidia-smi lists"
            # CUDA would take it for the end of the list.
            known = ", ".join(f"{index} ({uuid})" for index, uuid in found.items())
            raise UserError(f"{_VARIABLE}: '{entry}' {problem}: {known}")
        visible |= set(names)
    return [index for index in found if index in visible]


def _is_start(entry, uuid):
    return entry.startswith("GPU-") and uuid.startswith(entry)


def _names(indices):
    return ", ".join(indices) or "none"
