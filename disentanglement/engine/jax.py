"""The engine on JAX: stateful steps become pure functions of the values of all variables."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np

from disentanglement.engine import jax_memory
from disentanglement.engine.memory import Memory

# JAX's own default allows TF32, see docs/GPU.md. CPUs ignore it.
jax.config.update("jax_default_matmul_precision", "float32")

_step_variables: list = []  # the variables of the step being traced


def minimize(
    loss_fn: Callable[[], tuple[Any, Any]], optimizer: keras.Optimizer, variables: list
) -> Any:
    """Take one optimizer step down the gradient of a loss; see engine/tensorflow.py.

    Values that loss_fn assigns (batch norm averages) are kept.
    """

    def pure_loss(values):
        # An inner scope, which starts from the values that the step has assigned so far.
        state = [(v, v.value) for v in _step_variables]
        scope = keras.StatelessScope([*state, *zip(variables, values, strict=True)])
        with scope:
            loss, report = loss_fn()
        return loss, (report, [scope.get_current_value(v) for v in _step_variables])

    gradient = jax.grad(pure_loss, has_aux=True)
    gradients, (report, state) = gradient([v.value for v in variables])
    learned = {id(v) for v in variables}
    for variable, value in zip(_step_variables, state, strict=True):
        if id(variable) not in learned:
            variable.assign(value)
    optimizer.apply(gradients, variables)
    return report


def compile_step(step: Callable[..., Any], variables: list) -> Callable[..., Any]:
    """Compile a step; see engine/tensorflow.py.

    The buffers of the variables are donated, so the device never holds two copies of them.
    """
    compiled = jax.jit(_pure(step, variables), donate_argnums=0)

    def call(*arrays):
        report, state = compiled([v.value for v in variables], arrays)
        _assign(variables, state)
        return jax.tree.map(np.asarray, report)

    return call


class Block:
    """Several iterations as one compiled call, a function of NumPy arrays.

    The buffers of the variables are donated. Only the arrays go to the device, and only the reports
    come back; both transfers are explicit, so `jax.transfer_guard` finds any other.

    Args:
        function: A function (state, constants, arrays) -> (reports, next state).
        variables: The variables of the state: a list, or a list for each model.
        constants: Arrays on the device; see `put`.
        tf32: See `compile_block`.
    """

    def __init__(self, function: Callable[..., Any], variables: list, constants: list, tf32: bool):
        self._compiled = jax.jit(function, donate_argnums=0)
        self._variables, self._constants, self._tf32 = variables, constants, tf32

    def __call__(self, *arrays: np.ndarray) -> Any:
        with _precision(self._tf32):
            reports, state = self._compiled(*self._held(), jax.device_put(arrays))
        jax.tree.map(lambda variable, value: variable.assign(value), self._variables, state)
        return jax.device_get(reports)

    def trace(self, *arrays: np.ndarray) -> jax.stages.Traced:
        """Return the program for arrays of these shapes; nothing is compiled or run."""
        with _precision(self._tf32):
            return self._compiled.trace(*self._held(), arrays)

    def memory(self, *arrays: np.ndarray) -> Memory:
        """Predict the memory that the block takes on the device, from shapes."""
        state, constants = (jax_memory.size(held) for held in self._held())
        return Memory(state, constants, jax_memory.peak(self.trace(*arrays).jaxpr.jaxpr))

    def _held(self) -> tuple[Any, list]:
        """Return what is on the device already: the state and the constants."""
        return jax.tree.map(lambda variable: variable.value, self._variables), self._constants


def compile_block(
    step: Callable[..., Any], variables: list, constants: list, tf32: bool = False
) -> Block:
    """Compile several iterations of a step as one call, a scan; see engine/tensorflow.py."""
    pure = _pure(step, variables)

    def run(state, constants, arrays):
        def body(state, arrays):
            report, state = pure(state, (*constants, *arrays))
            return state, report

        if len(arrays[0]) > 1:
            state, reports = jax.lax.scan(body, state, arrays)
            return reports, state
        # XLA's convolutions are slow inside a loop on a CPU, so a single iteration avoids the loop.
        state, report = body(state, [array[0] for array in arrays])
        return jax.tree.map(lambda value: value[None], report), state

    return Block(run, variables, constants, tf32)


def compile_stack(
    step: Callable[..., Any], variables: list[list], constants: list, tf32: bool = False
) -> Block:
    """Compile several iterations of several models of the same shape as one call.

    Up to rounding, every model gets the results that `compile_block` would give it.

    Args:
        step: A step of the first model, as for `compile_block`.
        variables: The variables of each model.
        constants: As for `compile_block`; shared by all models.
        tf32: As for `compile_block`.

    Returns:
        A function like that of `compile_block`, whose arrays and report have an axis of models
        before the axis of iterations.
    """
    pure = _pure(step, variables[0])

    def run(states, constants, arrays):
        def body(states, arrays):
            report, states = jax.vmap(lambda s, a: pure(s, (*constants, *a)))(states, arrays)
            return states, report

        stacked = [jax.numpy.stack(values) for values in zip(*states, strict=True)]
        by_iteration = jax.tree.map(lambda a: jax.numpy.swapaxes(a, 0, 1), arrays)
        stacked, reports = jax.lax.scan(body, stacked, by_iteration)
        states = [[value[i] for value in stacked] for i in range(len(states))]
        return jax.tree.map(lambda a: jax.numpy.swapaxes(a, 0, 1), reports), states

    return Block(run, variables, constants, tf32)


def put(array: np.ndarray) -> Any:
    """Copy an array to the device, for `constants`."""
    return jax.device_put(array)


def has_accelerator() -> bool:
    """Whether networks run on a GPU or another accelerator."""
    return jax.default_backend() != "cpu"


def memory_limit() -> int | None:
    """Return the bytes of its device that this process may use; None if that is not limited."""
    return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")


def devices() -> list[str]:
    """Return the names of the devices, e.g. ["CPU"] or ["NVIDIA H100"]."""
    names = (device.device_kind for device in jax.devices())
    return [name.upper() if name == "cpu" else name for name in names]


def _pure(step: Callable[..., Any], variables: list) -> Callable[..., Any]:
    """Return the step as a function (state, arrays) -> (report, next state)."""

    def pure(state, arrays):
        scope = keras.StatelessScope(zip(variables, state, strict=True))
        with _tracing(variables), scope:
            report = step(*arrays)
        return report, [scope.get_current_value(v) for v in variables]

    return pure


def _precision(tf32: bool) -> contextlib.AbstractContextManager:
    """Set how convolutions and matrix products of float32 are computed, while a step is traced."""
    return jax.default_matmul_precision("tensorfloat32" if tf32 else "float32")


def _assign(variables: list, values: list) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@contextlib.contextmanager
def _tracing(variables: list) -> Iterator[None]:
    global _step_variables
    outer, _step_variables = _step_variables, variables
    try:
        yield
    finally:
        _step_variables = outer
