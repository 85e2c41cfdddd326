"""How images reach a compiled training step: packed as the data set keeps them, unpacked inside.

A data set has `packed`, an array [N, ...] with a row per image, and `unpack(rows) -> images`
[n, H, W, C] in `keras.ops`.
"""

import zlib

import numpy as np
from keras import ops

from disentanglement import engine
from disentanglement.errors import UserError

_ROWS = 1000  # that a checksum looks at


def identity(dataset) -> dict:
    """What tells data sets apart, a JSON value: going on with another one would mix two trainings.

    The checksum is of a thousand images, evenly spaced.
    """
    n = len(dataset)
    rows = np.unique(np.linspace(0, n - 1, min(n, _ROWS)).astype(int))
    checksum = zlib.crc32(np.ascontiguousarray(dataset.packed[rows]).tobytes())
    return {"dataset": type(dataset).__name__, "images": n, "checksum": f"{checksum:08x}"}


def check_same(path, found: dict | None, dataset) -> None:
    """Raises UserError unless the checkpoint `path` was trained on this data set.

    found: the identity that it notes; None in old ones, which pass.
    """
    now = identity(dataset)
    if found is not None and found != now:
        was, is_now = (
            f"{d['images']} images of {d['dataset']} (checksum {d['checksum']})"
            for d in (found, now)
        )
        raise UserError(
            f"{path} was trained on {was}, the data now are {is_now}: bring back the former "
            "(data_dir), or use another folder"
        )


class Feed:
    """The images of a data set for compiled steps.

    on_device: the whole data set lies on the accelerator, and a step gets image numbers only;
    otherwise it gets the packed images themselves.
    """

    def __init__(self, dataset, on_device: bool):
        self.packed, self.unpack = dataset.packed, dataset.unpack
        self.constants = [engine.put(np.asarray(self.packed))] if on_device else []

    def inputs(self, numbers: np.ndarray) -> np.ndarray:
        """What a step takes for these image numbers [...]: an array with these axes first."""
        return numbers.astype(np.int32) if self.constants else self.packed[numbers]

    def images(self, *inputs):
        """In the step: the images [n, H, W, C] of (*constants, one iteration's `inputs`)."""
        *constants, batch = inputs
        return self.unpack(ops.take(constants[0], batch, axis=0) if constants else batch)
