"""The engine: gradient steps and compiled training steps, on TensorFlow or JAX.

Algorithms are written statefully, with `keras.ops`, `variable.assign` and `optimizer.apply`. The
engine turns them into one program: on TensorFlow (the default) the state is part of the graph; on
JAX (KERAS_BACKEND=jax) it is passed through pure functions. Nothing else in this package imports
tensorflow or jax.

    minimize(loss_fn, optimizer, variables) -> report
    compile_step(step, variables) -> function of NumPy arrays
    compile_block(step, variables, constants) -> the same, several iterations in one call
    compile_stack(step, variables, constants) -> the same, several models at once (JAX)
    compile_inference(network) -> function of NumPy arrays
    inference_memory(network) -> the bytes that its batches take
    Adam, leaky_relu, batch_normalization, conv, conv_transpose -> see tensorflow_kernels.py
    put(array) -> the array on the device, for constants
    has_accelerator(), devices(), memory_limit() -> the hardware in use
"""

import importlib
import importlib.util
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from disentanglement.errors import UserError

if TYPE_CHECKING:  # the engine itself imports Keras, without TensorFlow's messages
    import keras

_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX"}

_backend = os.environ["KERAS_BACKEND"]
if _backend not in _NAMES:
    raise UserError(
        f"KERAS_BACKEND={_backend} is not supported: unset it, or set it to {' or '.join(_NAMES)}"
    )
NAME = _NAMES[_backend]


def is_installed(backend: str) -> bool:
    """Whether the Python package of this backend is installed."""
    return importlib.util.find_spec(backend) is not None


if not is_installed(_backend):
    raise UserError(
        f"KERAS_BACKEND={_backend}, but {_backend} is not installed: pip install {_backend}"
    )
if TYPE_CHECKING:  # both engines define the same functions
    from disentanglement.engine import tensorflow as _engine
    from disentanglement.engine import tensorflow_kernels as _kernels
else:
    _engine = importlib.import_module(f"{__name__}.{_backend}")
    _kernels = importlib.import_module(f"{__name__}.{_backend}_kernels")

minimize = _engine.minimize
compile_step = _engine.compile_step
compile_block = _engine.compile_block
compile_stack = _engine.compile_stack
put = _engine.put
has_accelerator = _engine.has_accelerator
devices = _engine.devices
memory_limit = _engine.memory_limit
Adam = _kernels.Adam
leaky_relu = _kernels.leaky_relu
batch_normalization = _kernels.batch_normalization
conv = _kernels.conv
conv_transpose = _kernels.conv_transpose


_BATCH, _ACCELERATOR_BATCH = 512, 4096  # images of an inference batch


def compile_inference(
    network: "keras.Model", batch_size: int = _BATCH
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from arrays [N, ...], of any N > 0, to the network's output.

    The network runs in inference mode, in batches of a fixed size with the last one padded, so it
    is compiled only once.

    Args:
        network: A network with one output.
        batch_size: The size of a batch on a CPU; accelerators take at least 4096.
    """
    forward = compile_step(lambda inputs: network(inputs, training=False), network.variables)
    if has_accelerator():
        batch_size = max(batch_size, _ACCELERATOR_BATCH)

    def infer(inputs: np.ndarray) -> np.ndarray:
        outputs = []
        for start in range(0, len(inputs), batch_size):
            batch = inputs[start : start + batch_size]
            padding = [(0, batch_size - len(batch))] + [(0, 0)] * (batch.ndim - 1)
            outputs.append(forward(np.pad(batch, padding))[: len(batch)])
        return np.concatenate(outputs)

    return infer


def inference_memory(network: "keras.Model") -> int:
    """Predict the bytes of float32 that a batch of `compile_inference` takes on the device.

    That is the largest sum of a layer's input and output; all other arrays are free by then.
    """
    from keras import tree

    def numbers(layer):
        return sum(math.prod(t.shape[1:]) for t in tree.flatten([layer.input, layer.output]))

    batch = _ACCELERATOR_BATCH if has_accelerator() else _BATCH
    return 4 * batch * max(map(numbers, network.layers))
