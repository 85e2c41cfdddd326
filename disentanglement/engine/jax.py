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
    compiled = jax.jit(_pure(step, variables), donate_argnums=0)

    def call(*arrays):
        report, state = compiled([v.value for v in variables], arrays)
        _assign(variables, state)
        return jax.tree.map(np.asarray, report)

    return call


def compile_block(step, variables: list, constants: list):
    """Compile several iterations of `step(*constants, *arrays)` as one call, a scan.

    The callable takes arrays with an axis of iterations before their own first one, and gives the
    reports likewise. constants: arrays that every iteration sees whole, kept on the device.
    """
    pure = _pure(step, variables)

    def scan(state, constants, arrays):
        def body(state, arrays):
            report, state = pure(state, (*constants, *arrays))
            return state, report

        state, reports = jax.lax.scan(body, state, arrays)
        return reports, state

    # XLA's convolutions are slow within a loop on a CPU: one iteration goes without.
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


def compile_stack(step, variables: list[list], constants: list):
    """`compile_block` for several models of one shape at once: variables[i] are the i-th's.

    Arrays and reports have an axis of models before the axis of iterations; `step` is traced with
    the first model's variables. Every model gets what `compile_block` would give it alone, within
    rounding.
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


def put(array: np.ndarray):
    """The array on the device, for `constants`."""
    return jax.device_put(array)


def has_accelerator() -> bool:
    return jax.default_backend() != "cpu"


def devices() -> list[str]:
    """What computes here, e.g. ["CPU"] or ["NVIDIA H100"]."""
    names = (device.device_kind for device in jax.devices())
    return [name.upper() if name == "cpu" else name for name in names]


def _pure(step, variables):
    """(state, arrays) -> (report, next state), without side effects."""

    def pure(state, arrays):
        scope = keras.StatelessScope(zip(variables, state, strict=True))
        with _tracing(variables), scope:
            report = step(*arrays)
        return report, [scope.get_current_value(v) for v in variables]

    return pure


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@contextlib.contextmanager
def _tracing(variables):
    global _step_variables
    outer, _step_variables = _step_variables, variables
    try:
        yield
    finally:
        _step_variables = outer
