"""The memory of a JAX program, predicted from the shapes in it before it is compiled.

The estimate follows the program in the order in which it is written: an array takes memory from
where it is computed to where it is last used. XLA merges elementwise operations and reuses the
inputs' memory for the outputs, and so takes less; the kernels of convolutions may need working
memory of their own, and so take more.
"""

from collections.abc import Iterator
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal


def size(arrays: Any) -> int:
    """Return the bytes of all arrays in a structure."""
    return sum(array.nbytes for array in jax.tree.leaves(arrays))


def peak(program: Jaxpr) -> int:
    """Return the bytes of all arrays besides its inputs that a program holds at its peak."""
    last_use: dict[Any, int] = {}
    for i, equation in enumerate(program.eqns):
        last_use |= {v: i for v in (*equation.invars, *equation.outvars) if _is_variable(v)}
    last_use |= {v: len(program.eqns) for v in program.outvars if _is_variable(v)}
    inputs = {*program.invars, *program.constvars}
    ends: dict[int, int] = {}  # the bytes that are free after an equation
    for variable, i in last_use.items():
        if variable not in inputs:
            ends[i] = ends.get(i, 0) + _bytes(variable)
    held = highest = 0
    for i, equation in enumerate(program.eqns):
        outputs = sum(map(_bytes, equation.outvars))
        inside = max(map(peak, _programs(equation.params.values())), default=0)
        highest = max(highest, held + max(outputs, inside))
        held += outputs - ends.get(i, 0)
    return highest


def _is_variable(atom: Any) -> bool:
    return not isinstance(atom, Literal)


def _bytes(variable: Any) -> int:
    shape = variable.aval
    return shape.size * shape.dtype.itemsize


def _programs(parameters: Any) -> Iterator[Jaxpr]:
    """Find the programs inside an equation: the body of a loop, the branches of a condition."""
    for value in parameters:
        if isinstance(value, ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, Jaxpr):
            yield value
        elif isinstance(value, tuple | list):
            yield from _programs(value)
