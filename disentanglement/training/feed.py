"""How images reach a compiled training step: packed, as the data set stores them.

The step unpacks them itself, see `data.dataset.Dataset`.
"""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from disentanglement import engine
from disentanglement.data.dataset import Dataset, HasMetricData, name_of
from disentanglement.errors import UserError
from disentanglement.wording import counted

_CHECKED_IMAGES = 1000


def identity(dataset: Dataset) -> dict[str, Any]:
    """Return what identifies a data set, as JSON: its class, its size and a checksum.

    The checksum covers a thousand evenly spaced images. Where a data set holds data for the metrics
    (`HasMetricData`), "metric_data" is a checksum of them. A run must not resume on other data.
    """
    n = len(dataset)
    rows = np.unique(np.linspace(0, n - 1, min(n, _CHECKED_IMAGES)).astype(int))
    checksum = zlib.crc32(np.ascontiguousarray(dataset.packed[rows]).tobytes())
    found = {"dataset": name_of(dataset), "images": n, "checksum": f"{checksum:08x}"}
    if isinstance(dataset, HasMetricData):
        found["metric_data"] = dataset.metric_checksum()
    return found


def check_same(path: Path, recorded: dict[str, Any] | None, dataset: Dataset) -> None:
    """Check that a checkpoint was trained on this data set.

    Args:
        path: The checkpoint.
        recorded: The `identity` that it records; None in old checkpoints, which pass. Only what
            both identities hold is compared: older ones lack "metric_data".
        dataset: The data set that is loaded now.

    Raises:
        UserError: The checkpoint was trained on other data.
    """
    current, recorded = identity(dataset), recorded or {}
    changed = {key for key in current if key in recorded and recorded[key] != current[key]}
    if changed == {"metric_data"}:
        raise UserError(
            f"{path} was trained on the same images, but the latents or metric groups have changed "
            f"since (checksum {recorded['metric_data']}, now {current['metric_data']}): set "
            "data_dir to the original data, or use another folder"
        )
    if changed:
        before, now = (
            f"{counted(d['images'], 'image')} of {d['dataset']} (checksum {d['checksum']})"
            for d in (recorded, current)
        )
        raise UserError(
            f"{path} was trained on {before}, but the data are now {now}: set data_dir to the "
            "original data, or use another folder"
        )


class Feed:
    """The images of a data set, for compiled steps.

    Args:
        dataset: The data set.
        on_device: Keep the whole data set on the accelerator, so that a step receives image
            numbers only. Otherwise a step receives the packed images.
    """

    def __init__(self, dataset: Dataset, on_device: bool):
        self.packed, self.unpack = dataset.packed, dataset.unpack
        self.constants = [engine.put(np.asarray(self.packed))] if on_device else []

    def inputs(self, numbers: np.ndarray) -> np.ndarray:
        """Return what a step takes for these image numbers; their axes come first."""
        return numbers.astype(np.int32) if self.constants else self.packed[numbers]

    def images(self, *inputs: Any) -> Any:
        """Return the images [n, H, W, C] inside a step.

        Args:
            *inputs: The `constants`, then the step's share of `inputs`.
        """
        *constants, batch = inputs
        return self.unpack(ops.take(constants[0], batch, axis=0) if constants else batch)
