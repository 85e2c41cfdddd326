"""Published weights: the networks of a trained model, small enough for a repository.

Each network is one npz file with arrays named layer/variable. The optimisers are left out, so
training cannot be resumed from these files; it resumes from a checkpoint.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from disentanglement.errors import UserError
from disentanglement.training import checkpoint

if TYPE_CHECKING:
    from disentanglement.algorithms.model import Model

LIMIT = 16_000_000  # bytes per file
_OVERHEAD = 64_000  # bytes of a file set aside for everything but the weights


def publish(
    path: Path, folder: Path, limit: int = LIMIT, experiment: str | None = None
) -> list[Path]:
    """Write each network of a checkpoint to a file of its own, and return the files.

    Args:
        path: The checkpoint.
        folder: Where the files are written.
        limit: The largest file, in bytes. A network that would exceed it as float32, which
            restores the model exactly, is written as float16.
        experiment: The name of the experiment's folder; the files hold it, for `pretrained.load`.

    Raises:
        UserError: A network is too large even as float16, or the checkpoint cannot be read.
    """
    available = limit - _OVERHEAD
    meta = checkpoint.load_meta(path)
    source = {"batches": meta["next_batch"], "config": meta["config"]}
    if experiment:
        source["experiment"] = experiment
    written = []
    for network, arrays in checkpoint.load_networks(path).items():
        size = sum(array.size for array in arrays.values())
        if size * 2 > available:
            raise UserError(f"{path}: {network} has {size} weights, too many for {limit} bytes")
        dtype = np.float32 if size * 4 <= available else np.float16
        small = {name: array.astype(dtype) for name, array in arrays.items()}
        written.append(folder / f"{network}.npz")
        checkpoint.write(written[-1], small, source | {"dtype": dtype.__name__})
    return written


def restore(folder: Path | str, model: "Model") -> None:
    """Set the networks of `model` to weights written by `publish`.

    Raises:
        UserError: The weights belong to different networks, or cannot be read.
    """
    for name, network in model.networks.items():
        checkpoint.restore_network(Path(folder) / f"{name}.npz", network)
