"""The one place that knows the Keras backend: take a gradient step, compile a training step.

Algorithms are written statefully, with `keras.ops`, `variable.assign` and `optimizer.apply`; these
functions turn that into one program of the backend: TensorFlow (the default), where state is part
of the graph, or JAX (KERAS_BACKEND=jax), where it is threaded through pure functions.

    minimize(loss_fn, optimizer, variables) -> report
    compile_step(step, variables) -> function of NumPy arrays
    compile_block(step, variables, constants) -> several iterations in one call
    compile_stack(step, variables, constants) -> the same for several models at once (JAX)
    compile_inference(network) -> function of NumPy arrays
    put(array) -> the array on the device, for constants
    has_accelerator(), devices() -> what computes here
"""

import importlib
import importlib.util
import os

import numpy as np

from disentanglement.errors import UserError

_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX"}

_backend = os.environ["KERAS_BACKEND"]
NAME = _NAMES.get(_backend)
if NAME is None:
    raise UserError(
        f"KERAS_BACKEND={_backend} is not supported: unset it, or set it to {' or '.join(_NAMES)}"
    )


def is_installed(backend: str) -> bool:
    return importlib.util.find_spec(backend) is not None


if not is_installed(_backend):
    raise UserError(
        f"KERAS_BACKEND={_backend}, but {_backend} is not installed: pip install {_backend}"
    )
_engine = importlib.import_module(f"{__name__}.{_backend}")

minimize = _engine.minimize
compile_step = _engine.compile_step
compile_block = _engine.compile_block
compile_stack = _engine.compile_stack
put = _engine.put
has_accelerator = _engine.has_accelerator
devices = _engine.devices


def compile_inference(network, batch_size: int = 256):
    """A function from arrays [N, ...] of any length to the network's output, in inference mode.

    It works in batches of one size (the last one padded), so that it is compiled once.
    """
    forward = compile_step(lambda inputs: network(inputs, training=False), network.variables)
    if has_accelerator():
        batch_size = max(batch_size, 4096)

    def infer(inputs: np.ndarray) -> np.ndarray:
        outputs = []
        for start in range(0, len(inputs), batch_size):
            batch = inputs[start : start + batch_size]
            padding = [(0, batch_size - len(batch))] + [(0, 0)] * (batch.ndim - 1)
            outputs.append(forward(np.pad(batch, padding))[: len(batch)])
        return np.concatenate(outputs)

    return infer
