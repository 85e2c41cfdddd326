"""The one place that knows the Keras backend: take a gradient step, compile a training step.

Algorithms are written statefully, with `keras.ops`, `variable.assign` and `optimizer.apply`; these
functions turn that into one program of the backend: TensorFlow (the default), where state is part
of the graph, or JAX (KERAS_BACKEND=jax), where it is threaded through pure functions.

    minimize(loss_fn, optimizer, variables) -> report
    compile_step(step, variables) -> function of NumPy arrays
    compile_block(step, variables, constants) -> several iterations in one call
    compile_stack(step, variables, constants) -> the same for several models at once (JAX)
    compile_inference(network) -> function of NumPy arrays
    devices() -> what computes here
"""

import importlib.util
import os

import numpy as np

from disentanglement.errors import UserError

BACKENDS = ("tensorflow", "jax")

_name = os.environ["KERAS_BACKEND"]
NAME = {"tensorflow": "TensorFlow", "jax": "JAX"}.get(_name)
if NAME is None:
    raise UserError(
        f"KERAS_BACKEND={_name} is not supported: unset it, or set it to {' or '.join(BACKENDS)}"
    )


def is_installed(backend: str) -> bool:
    return importlib.util.find_spec(backend) is not None


if not is_installed(_name):
    raise UserError(f"KERAS_BACKEND={_name}, but {_name} is not installed: pip install {_name}")
if _name == "jax":
    from disentanglement.engine.jax import (
        compile_block,
        compile_stack,
        compile_step,
        devices,
        has_accelerator,
        minimize,
        put,
    )
else:
    from disentanglement.engine.tensorflow import (
        compile_block,
        compile_stack,
        compile_step,
        devices,
        has_accelerator,
        minimize,
        put,
    )

__all__ = [
    "BACKENDS",
    "NAME",
    "compile_block",
    "compile_inference",
    "compile_stack",
    "compile_step",
    "devices",
    "has_accelerator",
    "is_installed",
    "minimize",
    "put",
]


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
