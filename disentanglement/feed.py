"""How images reach a compiled training step: packed as the data set keeps them, unpacked inside.

A data set has `packed`, an array [N, ...] with a row per image, and `unpack(rows) -> images`
[n, H, W, C] in `keras.ops`.
"""

import numpy as np
from keras import ops

from disentanglement import engine


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
