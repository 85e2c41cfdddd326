"""The engine on TensorFlow: gradient tapes and graph functions, which hold their own state."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from disentanglement import greetings
from disentanglement.errors import UserError

with greetings.held_back():
    import keras
    import tensorflow as tf

    tf.config.list_logical_devices()  # initializes the devices, which prints messages, too

# TensorFlow's own default allows TF32, see docs/GPU.md. CPUs ignore it.
tf.config.experimental.enable_tensor_float_32_execution(False)

# It would make AddN (see `_in_order`) of a + b + c, and the step is no faster for it.
tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def minimize(
    loss_fn: Callable[[], tuple[Any, Any]], optimizer: keras.Optimizer, variables: list
) -> Any:
    """Take one optimizer step down the gradient of a loss.

    Works only inside a compiled step.

    Args:
        loss_fn: Returns the scalar loss and a report, any structure of tensors.
        optimizer: The optimizer, built for `variables`.
        variables: The variables to update; the gradient treats all others as constants.

    Returns:
        The report, computed before the step.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        values = [v.value for v in variables]
        tape.watch(values)
        loss, report = loss_fn()
    gradients = [_in_order(gradient) for gradient in tape.gradient(loss, values)]
    # Keras's optimizers change TensorFlow's variables.
    with _Step.current.paused([*variables, *optimizer.variables]):
        optimizer.apply(gradients, variables)
    return report


def compile_step(step: Callable[..., Any], variables: list) -> Callable[..., Any]:
    """Compile a step.

    Args:
        step: A function of arrays that returns a structure of tensors.
        variables: Every variable that the step may read or assign to.

    Returns:
        The same function on NumPy arrays. It is traced once per set of argument shapes.
    """
    compiled = tf.function(_traced(step, variables), autograph=False)

    def call(*arrays):
        return keras.tree.map_structure(np.asarray, compiled(*arrays))

    return call


def compile_block(
    step: Callable[..., Any], variables: list, constants: list, tf32: bool = False
) -> Callable[..., Any]:
    """Compile several iterations of a step as one call.

    Args:
        step: A function of (*constants, *arrays) that returns a structure of tensors.
        variables: Every variable that the step may read or assign to.
        constants: Arrays passed in full to every iteration; see `put`.
        tf32: Let GPUs round the inputs of convolutions and matrix products to TF32. Everything
            else that is compiled computes in full float32.

    Returns:
        A function of NumPy arrays. Its arrays and the structure it returns have an axis of
        iterations before the axes of one iteration.
    """
    traced = _traced(step, variables)
    single = tf.function(traced, autograph=False, jit_compile=has_accelerator() or None)

    @tf.function(autograph=False)
    def block(*arrays):
        n = arrays[0].shape[0]
        # A Python loop would put n copies of the step into the graph.
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
        with _precision(tf32):
            if len(arrays[0]) == 1:  # a single iteration needs no loop
                report = single(*constants, *(a[0] for a in arrays))
                return keras.tree.map_structure(lambda value: np.asarray(value)[None], report)
            return keras.tree.map_structure(np.asarray, block(*map(tf.convert_to_tensor, arrays)))

    return call


def compile_stack(
    step: Callable[..., Any], variables: list[list], constants: list, tf32: bool = False
) -> Callable[..., Any]:
    """Raise UserError: only JAX trains several models at once."""
    raise UserError("--stack needs JAX: set KERAS_BACKEND=jax")


def put(array: np.ndarray) -> Any:
    """Copy an array to the device, for `constants`."""
    return tf.constant(array)


def has_accelerator() -> bool:
    """Whether networks run on a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def memory_limit() -> int | None:
    """Return None: TensorFlow takes memory as it needs it."""
    return None


def devices() -> list[str]:
    """Return the names of the devices, e.g. ["CPU"] or ["CPU", "NVIDIA H100"]."""
    return [
        tf.config.experimental.get_device_details(device).get("device_name", device.device_type)
        for device in tf.config.list_physical_devices()
    ]


def _in_order(gradient):
    """Return a sum of gradients, e.g. of several passes, whose rounding does not depend on luck.

    TensorFlow sums with AddN, which begins with the first term whose memory nobody else reads any
    more. Of three terms or more, the rounding then depends on which threads have been fast.
    """
    terms = gradient.op.inputs if gradient is not None and gradient.op.type == "AddN" else ()
    if any(len(term.consumers()) > 1 for term in terms[2:] and terms):
        return functools.reduce(tf.add, terms)
    return gradient


@contextlib.contextmanager
def _precision(tf32: bool) -> Iterator[None]:
    """Allow TF32 or not, while a step is traced and run."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


class _Step(keras.StatelessScope):
    """The values of the variables in a step that is being traced.

    Within a step, a variable is one tensor until its value changes. So TensorFlow sees that two
    forward passes are the same, such as G's in D's update and in G's first, and computes them once;
    it never merges two reads of a variable.
    """

    current: "_Step"

    def __init__(self, variables: list):
        super().__init__()
        self._stored: dict[int, tf.Tensor] = {}  # what TensorFlow's variables hold, by id
        self._read(variables)

    @contextlib.contextmanager
    def paused(self, variables: list) -> Iterator[None]:
        """Leave the scope for a block that changes TensorFlow's variables themselves."""
        self.__exit__()
        self.write(variables)
        yield
        self._read(variables)
        self.__enter__()

    def write(self, variables: list) -> None:
        """Assign the values that have changed to TensorFlow's variables; call outside the scope."""
        for variable in variables:
            value = self.get_current_value(variable)
            if value is not self._stored[id(variable)]:
                variable.assign(value)

    def _read(self, variables: list) -> None:
        for variable in variables:
            self._stored[id(variable)] = value = tf.convert_to_tensor(variable.value)
            self.add_update((variable, value))


def _traced(step: Callable[..., Any], variables: list) -> Callable[..., Any]:
    """Return the step, ready for `tf.function`.

    It is a partial: of functions that share their code, TensorFlow warns that one is traced again
    and again, though each is traced once per set of shapes.
    """
    return functools.partial(_trace, step, variables)


def _trace(step: Callable[..., Any], variables: list, *arrays):
    with _Step(variables) as _Step.current:
        report = step(*arrays)
    _Step.current.write(variables)
    return report
