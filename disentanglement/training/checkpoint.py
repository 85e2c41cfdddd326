"""Checkpoints: one npz file with every array of a model and, as JSON, the training position.

No pickle is ever written or read. A file is complete or absent: see `files.atomic_path`.
"""

import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from disentanglement.errors import UserError
from disentanglement.files import atomic_path

if TYPE_CHECKING:  # importing Keras takes seconds
    import keras

    from disentanglement.algorithms.model import Model

FILE = "model.npz"
_META = "meta.json"


def save(path: Path, model: "Model", meta: dict[str, Any]) -> None:
    """Write the networks and optimisers of `model` to `path`, with `meta`, which must be JSON.

    An existing file stays until the new one is complete and on disk.
    """
    write(path, {name: np.asarray(value) for name, value in _variables(model).items()}, meta)


def write(path: Path, arrays: Mapping[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write named arrays and `meta` to `path`, all or nothing."""
    content: dict[str, Any] = {**arrays, _META: np.array(json.dumps(meta))}
    with atomic_path(path) as temporary:
        np.savez(temporary, **content)


def first_non_finite(model: "Model") -> str | None:
    """Return the name of a variable that holds NaN or infinity, or None.

    The last update may have broken a weight before any loss shows it; such weights must not
    replace a good checkpoint.
    """
    for name, variable in _variables(model).items():
        if not np.isfinite(np.asarray(variable)).all():
            return name
    return None


def load_meta(path: Path) -> dict[str, Any]:
    """Return the `meta` of the checkpoint at `path`.

    Raises:
        UserError: The file cannot be read, or is damaged.
    """
    return json.loads(str(_read(path, [_META])[_META]))


def batches(folder: Path) -> int:
    """Return the batches of the checkpoint in a folder; 0 if there is none that can be read."""
    try:
        return load_meta(folder / FILE)["next_batch"] if (folder / FILE).exists() else 0
    except UserError:  # training will report it
        return 0


def restore(path: Path, model: "Model") -> None:
    """Set every variable of `model` from the checkpoint at `path`.

    Raises:
        UserError: The file is damaged, or belongs to a different network; no variable has been set.
    """
    _assign(path, _variables(model))


def restore_network(path: Path, network: "keras.Model") -> None:
    """Set the variables of one network from a file of its own (see weights.py).

    Raises:
        UserError: As for `restore`.
    """
    _assign(path, dict(_network_variables(network)))


def load_networks(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays of each network in the checkpoint at `path`, named layer/variable."""
    networks: dict[str, dict[str, np.ndarray]] = {}
    for name, array in _read(path).items():
        network, _, rest = name.partition("/")
        if rest and network != "optimizer":
            networks.setdefault(network, {})[rest] = array
    return networks


def _assign(path: Path, variables: Mapping[str, Any]) -> None:
    arrays = _read(path, variables)
    for name, variable in variables.items():
        if arrays[name].shape != tuple(variable.shape):
            raise UserError(
                f"{path}: {name} has shape {arrays[name].shape}, the model's has "
                f"{tuple(variable.shape)}: the checkpoint belongs to a different network"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _read(path: Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Return the named arrays of the file, or all of them."""
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = archive.files if names is None else names
            missing = [name for name in names if name not in archive]
            if missing:
                raise UserError(
                    f"{path}: no array {missing[0]}: the checkpoint belongs to a different network"
                )
            return {name: archive[name] for name in names}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{path}: the checkpoint is damaged ({error}): move it away to train the run again "
            "from the start, or replace it with a copy"
        ) from error


def _variables(model: "Model") -> dict[str, Any]:
    """Return every variable of `model` by a name that no other model in the process affects."""
    variables: dict[str, Any] = {}
    for name, network in model.networks.items():
        for own_name, variable in _network_variables(network):
            variables[f"{name}/{own_name}"] = variable
    for name, optimizer in model.optimizers.items():
        for i, variable in enumerate(optimizer.variables):
            variables[f"optimizer/{name}/{i:03d}_{variable.name}"] = variable
    return variables


def _network_variables(network: "keras.Model") -> Iterator[tuple[str, Any]]:
    for layer in network.layers:
        for variable in layer.variables:
            yield f"{layer.name}/{variable.name}", variable
