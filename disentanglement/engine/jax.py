"""The engine on JAX: stateful steps become pure functions of all variables' values."""

import contextlib

import jax
import keras
import numpy as np

_step_variables: list = []  # of the step that is being traced


def minimize(loss_fn, optimizer: keras.Optimizer, variables: list):
    """One step of `optimizer` down the gradient of a loss; see engine/tensorflow.py.

    Works inside a compiled step only. What loss_fn assigns (batch norm's averages) is kept.
    """

    def pure_loss(values):
        # A scope of its own, which starts from what the step has made of the variables so far.
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


def compile_step(step, variables: list):
    """Compile `step(*arrays) -> structure of arrays`, which may assign to `variables` only.

    Returns a callable that takes NumPy arrays and gives the structure as NumPy arrays. It is
    traced once per set of argument shapes. The variables' old values are given up (donated), so
    that the device holds them once.
    """

    def pure_step(state, arrays):
        scope = keras.StatelessScope(zip(variables, state, strict=True))
        with _tracing(variables), scope:
            report = step(*arrays)
        return report, [scope.get_current_value(v) for v in variables]

    compiled = jax.jit(pure_step, donate_argnums=0)

    def call(*arrays):
        report, state = compiled([v.value for v in variables], arrays)
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)
        return jax.tree.map(np.asarray, report)

    return call


def devices() -> list[str]:
    """What computes here, e.g. ["CPU"] or ["NVIDIA H100"]."""
    names = (device.device_kind for device in jax.devices())
    return [name.upper() if name == "cpu" else name for name in names]


@contextlib.contextmanager
def _tracing(variables):
    global _step_variables
    outer, _step_variables = _step_variables, variables
    try:
        yield
    finally:
        _step_variables = outer
