"""Shared by the golden tests of the algorithms: variables and images as in the paper's code."""

import re

import numpy as np

_KINDS = {"biases": "bias", "w": "kernel", "matrix": "kernel"}


class Images:
    """A data set that packs its images as they are."""

    def __init__(self, images):
        self.packed = images

    def unpack(self, rows):
        return rows


def images(n):
    rng = np.random.default_rng(7)
    return (rng.random((n, 64, 64, 1)).astype(np.float32) > 0.9).astype(np.float32)


def variables(model, names, layers):
    """Yield (kind, our variable) for each variable of the paper's code.

    Args:
        model: Our model.
        names: The variables of the paper's code, each as "path shape".
        layers: Pattern of a path -> (network, layer name with {} for the number, offset to add to
            the number).
    """
    for full_name in names:
        name, shape = str(full_name).split(" ")
        network, layer, offset = next(
            (v[0], v[1], int((m.groups() or "0")[0]) + v[2])
            for k, v in layers.items()
            if (m := re.match(k, name))
        )
        kind = name.rsplit("/", 1)[1]
        layer = model.networks[network].get_layer(layer.format(offset))
        (variable,) = [v for v in layer.weights if v.name == _KINDS.get(kind, kind)]
        assert "x".join(map(str, variable.shape)) == shape
        yield kind, variable


def assign(variables, std):
    """Set the variables to their values at the start of the golden runs."""
    for i, (kind, variable) in enumerate(variables):
        rng = np.random.default_rng(1000 + i)
        if kind in ("w", "matrix"):
            variable.assign(rng.normal(0, std, variable.shape).astype(np.float32))
        elif kind == "u":
            variable.assign(rng.normal(0, 1, variable.shape).astype(np.float32))


def mean_abs(variables):
    return np.array([np.abs(np.asarray(v)).mean() for _, v in variables])


def iterate(model, phase, *arrays):
    """Run one iteration on these arrays and return its report."""
    report = model._compiled(phase)(*(np.asarray(array)[None] for array in arrays))
    return {name: value[0] for name, value in report.items()}
