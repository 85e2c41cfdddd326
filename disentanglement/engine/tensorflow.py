"""The engine on TensorFlow: gradient tapes and graph functions, which hold state themselves."""

import contextlib
import os
import sys
import tempfile

import numpy as np

from disentanglement.errors import UserError


@contextlib.contextmanager
def _quiet_stderr():
    """Hold back what C++ writes to stderr; shown only if the block fails.

    TensorFlow greets every CPU user with lines on CUDA that no log level turns off.
    """
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # e.g. a notebook
        yield
        return
    sys.stderr.flush()
    saved = os.dup(descriptor)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), descriptor)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, descriptor)
            os.close(saved)


with _quiet_stderr():
    import keras
    import tensorflow as tf

    tf.config.list_logical_devices()  # starts the devices, with their messages


def minimize(loss_fn, optimizer: keras.Optimizer, variables: list):
    """One step of `optimizer` down the gradient of a loss.

    loss_fn: () -> (scalar loss, report); report is any structure of tensors.
    variables: the trainable variables to move; all others are constants of the gradient.
    Returns the report, whose values were computed before the step.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([v.value for v in variables])
        loss, report = loss_fn()
    gradients = tape.gradient(loss, [v.value for v in variables])
    optimizer.apply(gradients, variables)
    return report


def compile_step(step, variables: list):
    """Compile `step(*arrays) -> structure of tensors`, which may assign to `variables`.

    Returns a callable that takes NumPy arrays and gives the structure as NumPy arrays. It is
    traced once per set of argument shapes. `variables` is not needed by TensorFlow, whose
    functions capture them; an engine without state would thread them through.
    """
    del variables
    compiled = tf.function(step, autograph=False)

    def call(*arrays):
        return keras.tree.map_structure(np.asarray, compiled(*arrays))

    return call


def compile_block(step, variables: list, constants: list):
    """Compile several iterations of `step(*constants, *arrays)` as one call.

    The callable takes arrays with an axis of iterations before their own first one, and gives the
    reports likewise. constants: arrays that every iteration sees whole, kept on the device.
    """
    del variables
    single = tf.function(step, autograph=False, jit_compile=has_accelerator() or None)

    @tf.function(autograph=False)
    def block(*arrays):
        n = arrays[0].shape[0]
        # Python's loop would unroll n copies of the graph.
        first = single(*constants, *(a[0] for a in arrays))
        flat, structure = keras.tree.flatten(first), first
        stores = [
            tf.TensorArray(value.dtype, n, element_shape=value.shape).write(0, value)
            for value in flat
        ]

        def body(i, stores):
            report = keras.tree.flatten(single(*constants, *(a[i] for a in arrays)))
            return i + 1, [s.write(i, v) for s, v in zip(stores, report, strict=True)]

        _, stores = tf.while_loop(lambda i, stores: i < n, body, (1, stores), parallel_iterations=1)
        return keras.tree.pack_sequence_as(structure, [store.stack() for store in stores])

    def call(*arrays):
        if len(arrays[0]) == 1:  # one iteration: no loop around it
            report = single(*constants, *(a[0] for a in arrays))
            return keras.tree.map_structure(lambda value: np.asarray(value)[None], report)
        return keras.tree.map_structure(np.asarray, block(*map(tf.convert_to_tensor, arrays)))

    return call


def compile_stack(step, variables: list[list], constants: list):
    """Training several models at once is for JAX only. Raises UserError."""
    raise UserError("--stack needs JAX: set KERAS_BACKEND=jax")


def put(array: np.ndarray):
    """The array on the device, for `constants`."""
    return tf.constant(array)


def has_accelerator() -> bool:
    return bool(tf.config.list_logical_devices("GPU"))


def devices() -> list[str]:
    """What computes here, e.g. ["CPU"] or ["CPU", "NVIDIA H100"]."""
    return [
        tf.config.experimental.get_device_details(device).get("device_name", device.device_type)
        for device in tf.config.list_physical_devices()
    ]
