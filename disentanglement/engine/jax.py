"""The engine on JAX: stateful steps become pure functions of the values of all variables."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np

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


def compile_block(step: Callable[..., Any], variables: list, constants: list) -> Callable[..., Any]:
    """Compile several iterations of a step as one call, a scan; see engine/tensorflow.py."""
    pure = _pure(step, variables)

    def scan(state, constants, arrays):
        def body(state, arrays):
            report, state = pure(state, (*constants, *arrays))
            return state, report

        state, reports = jax.lax.scan(body, state, arrays)
        return reports, state

    # XLA's convolutions are slow inside a loop on a CPU, so a single iteration avoids the loop.
    single = jax.jit(lambda s, c, a: pure(s, (*c, *(x[0] for x in a))), donate_argnums=0)
    block = jax.jit(scan, donate_argnums=0)

    def call(*arrays):
        one = len(arrays[0]) == 1
        compiled = single if one else block
        reports, state = compiled([v.value for v in variables], constants, arrays)
        _assign(variables, state)
        return jax.tree.map(
            lambda value: np.asarray(value)[None] if one else np.asarray(value), reports
        )

    return call


def compile_stack(
    step: Callable[..., Any], variables: list[list], constants: list
) -> Callable[..., Any]:
    """Compile several iterations of several models of the same shape as one call.

    Up to rounding, every model gets the results that `compile_block` would give it.

    Args:
        step: A step of the first model, as for `compile_block`.
        variables: The variables of each model.
        constants: As for `compile_block`; shared by all models.

    Returns:
        A function like that of `compile_block`, whose arrays and report have an axis of models
        before the axis of iterations.
    """
    pure = _pure(step, variables[0])

    def scan(states, constants, arrays):
        def body(states, arrays):
            report, states = jax.vmap(lambda s, a: pure(s, (*constants, *a)))(states, arrays)
            return states, report

        stacked = [jax.numpy.stack(values) for values in zip(*states, strict=True)]
        by_iteration = jax.tree.map(lambda a: jax.numpy.swapaxes(a, 0, 1), arrays)
        stacked, reports = jax.lax.scan(body, stacked, by_iteration)
        states = [[value[i] for value in stacked] for i in range(len(states))]
        return jax.tree.map(lambda a: jax.numpy.swapaxes(a, 0, 1), reports), states

    compiled = jax.jit(scan, donate_argnums=0)

    def call(*arrays):
        states = [[v.value for v in own] for own in variables]
        reports, states = compiled(states, constants, arrays)
        for own, state in zip(variables, states, strict=True):
            _assign(own, state)
        return jax.tree.map(np.asarray, reports)

    return call


def put(array: np.ndarray) -> Any:
    """Copy an array to the device, for `constants`."""
    return jax.device_put(array)


def has_accelerator() -> bool:
    """Whether networks run on a GPU or another accelerator."""
    return jax.default_backend() != "cpu"


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
