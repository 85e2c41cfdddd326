"""Weight files to publish: a trained model's networks, small enough for a repository.

One npz file a network, arrays named layer/variable. Optimisers stay behind: a checkpoint, not
these, is what training goes on from.
"""

from pathlib import Path

import numpy as np

from disentanglement.errors import UserError
from disentanglement.training import checkpoint

LIMIT = 16_000_000  # bytes of a file
_AROUND = 64_000  # of these, for all that is not weights


def publish(path: Path, folder: Path, limit: int = LIMIT) -> list[Path]:
    """Write the networks of the checkpoint at `path` into `folder`; returns the files.

    float32, which restores the model exactly; float16 for a network that would be larger than
    `limit` bytes. Raises UserError if float16 is not enough.
    """
    room = limit - _AROUND
    meta = checkpoint.load_meta(path)
    about = {"batches": meta["next_batch"], "config": meta["config"]}
    written = []
    for network, arrays in checkpoint.load_networks(path).items():
        size = sum(array.size for array in arrays.values())
        if size * 2 > room:
            raise UserError(f"{path}: {network} has {size} weights, too many for {limit} bytes")
        kind = np.float32 if size * 4 <= room else np.float16
        small = {name: array.astype(kind) for name, array in arrays.items()}
        written.append(folder / f"{network}.npz")
        checkpoint.write(written[-1], small, about | {"dtype": kind.__name__})
    return written


def restore(folder: Path | str, model) -> None:
    """Set the networks of `model` from what `publish` wrote. Raises UserError if they differ."""
    for network in model.networks:
        checkpoint.restore_network(Path(folder) / f"{network}.npz", model.networks[network])
