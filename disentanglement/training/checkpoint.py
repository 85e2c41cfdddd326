"""Checkpoints: one npz file with every array of a model and, as JSON, where training stands.

No pickle is written or read. A file is complete or absent: see `files.atomic_path`.
"""

import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from disentanglement.errors import UserError
from disentanglement.files import atomic_path

FILE = "model.npz"
_META = "meta.json"


def save(path: Path, model, meta: dict) -> None:
    """Write the networks and optimisers of `model`, and `meta` (any JSON value), to `path`.

    The file at `path`, if any, stays until the new one is complete and on disk.
    """
    write(path, {name: np.asarray(value) for name, value in _variables(model).items()}, meta)


def write(path: Path, arrays: dict[str, np.ndarray], meta: dict) -> None:
    """Write named arrays and `meta` to `path`, all or nothing."""
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays, **{_META: np.array(json.dumps(meta))})


def not_finite(model) -> str | None:
    """The name of a variable of `model` that holds NaN or infinity, if there is one.

    What the last update broke shows in no loss yet, but must not replace a good checkpoint.
    """
    for name, variable in _variables(model).items():
        if not np.isfinite(np.asarray(variable)).all():
            return name
    return None


def load_meta(path: Path) -> dict:
    """The `meta` of the checkpoint at `path`. Raises UserError if the file is damaged."""
    return json.loads(str(_read(path, [_META])[_META]))


def restore(path: Path, model) -> None:
    """Set every variable of `model` from `path`; nothing is set unless all of them fit."""
    _assign(path, _variables(model))


def restore_network(path: Path, network) -> None:
    """The same for one network, from a file of its own (see weights.py)."""
    _assign(path, dict(_of_network(network)))


def load_networks(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each network in the checkpoint at `path`, named layer/variable."""
    found = {}
    for name, array in _read(path).items():
        network, _, rest = name.partition("/")
        if rest and network != "optimizer":
            found.setdefault(network, {})[rest] = array
    return found


def _assign(path, variables):
    arrays = _read(path, variables)
    for name, variable in variables.items():
        if arrays[name].shape != tuple(variable.shape):
            raise UserError(
                f"{path}: {name} has shape {arrays[name].shape}, the model's has "
                f"{tuple(variable.shape)}: the checkpoint is of another network"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _read(path, names=None):
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files if names is None else names
            missing = [name for name in names if name not in archive]
            if missing:
                raise UserError(
                    f"{path}: no array {missing[0]}: the checkpoint is of another network"
                )
            return {name: archive[name] for name in names}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{path}: the checkpoint is damaged ({error}): move it away to start the run afresh, "
            "or put a copy in its place"
        ) from error


def _variables(model):
    """Every variable by a name that does not depend on what else the process has built."""
    variables = {}
    for name, network in model.networks.items():
        variables |= {f"{name}/{own}": variable for own, variable in _of_network(network)}
    for name, optimizer in model.optimizers.items():
        for i, variable in enumerate(optimizer.variables):
            variables[f"optimizer/{name}/{i:03d}_{variable.name}"] = variable
    return variables


def _of_network(network):
    for layer in network.layers:
        for variable in layer.variables:
            yield f"{layer.name}/{variable.name}", variable
