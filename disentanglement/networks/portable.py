"""Networks as plain lists of layers and arrays that need no Keras: a browser can run them.

What each layer computes is in experiments/explorer_page/network.js. Only chains of layers can be
listed, which all generators and encoders here are.
"""

import base64
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from disentanglement.errors import UserError

PRECISIONS = ("float32", "float16", "int8")  # of the kernels; all else stays float32
_SMALL = 8192  # kernels up to this many weights stay float32: they matter, and take no room

# How to bring a kernel's output channels to the front, and its inputs to the back.
_OUTPUTS_FIRST = {
    keras.layers.Dense: (1, 0),
    keras.layers.Conv2DTranspose: (2, 0, 1, 3),
    keras.layers.Conv2D: (3, 0, 1, 2),
}


def portable(network: keras.Model, precision: str) -> dict[str, Any]:
    """Return a network of stock Keras layers (see `export.fold`) as JSON can hold it.

    Batch norm becomes a scale and a shift for each channel. Kernels are rounded to `precision`,
    one of `PRECISIONS`; small ones stay float32.

    Raises:
        UserError: The network has a layer, or a setting of one, that network.js does not know, or
            its layers are not a chain, or a weight does not fit the precision.
    """
    layers = []
    for layer in _chain(network):
        layers += _described(layer, precision)
    return {
        "input": list(network.input.shape[1:]),
        "output": list(network.output.shape[1:]),
        "layers": layers,
    }


def rounded(network: keras.Model, precision: str) -> keras.Model:
    """Return a copy of a network of stock Keras layers with the kernels that `portable` writes."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in copy.layers:
        if type(layer) in _OUTPUTS_FIRST:
            axes = _OUTPUTS_FIRST[type(layer)]
            _, kernel = _packed(_kernel(layer), precision)
            layer.kernel.assign(kernel.transpose(np.argsort(axes)))
    return copy


def _chain(network: keras.Model) -> list[keras.Layer]:
    """Return the layers in order, without those that only hold the input."""
    one = len(network.inputs) == len(network.outputs) == 1
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    tensor = network.inputs[0]
    for layer in layers:
        one = one and isinstance(layer.input, keras.KerasTensor) and layer.input is tensor
        tensor = layer.output
    if not one or tensor is not network.outputs[0]:
        raise UserError(f"the network '{network.name}' is not a chain of layers")
    return layers


def _described(layer: keras.Layer, precision: str) -> list[dict[str, Any]]:
    """Return a layer as one or two entries: what it computes, and its activation."""
    describe = _DESCRIBE.get(type(layer))
    if describe is None:
        raise UserError(f"the layer '{layer.name}', a {type(layer).__name__}, is not supported")
    for weight in layer.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise UserError(f"{layer.name}/{weight.name} holds NaN or infinity")
    entry = describe(layer)
    if type(layer) in _OUTPUTS_FIRST:
        entry["kernel"], kernel = _packed(_kernel(layer), precision)
        if not np.isfinite(kernel).all():
            raise UserError(
                f"{layer.name}/kernel does not fit {precision}: try --precision float32"
            )
        bias = layer.bias if layer.use_bias else np.zeros(len(kernel))
        entry["bias"] = _base64(np.asarray(bias), np.float32)
        return [entry, *_activation(layer, layer.activation)]
    return [entry] if entry else []


def _dense(layer: keras.layers.Dense) -> dict[str, Any]:
    return {"kind": "dense"}


def _conv(layer: keras.layers.Conv2D | keras.layers.Conv2DTranspose) -> dict[str, Any]:
    """Describe a convolution; for a transposed one, the padding is that of the convolution."""
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    small, large = layer.output.shape[1:3], layer.input.shape[1:3]
    if transposed:
        small, large = large, small
    stride, size = layer.strides[0], layer.kernel_size[0]
    unknown = layer.output_padding is not None if transposed else layer.groups != 1
    plain = layer.dilation_rate in (1, (1, 1)) and layer.data_format == "channels_last"
    if (
        unknown
        or not plain
        or layer.strides != (stride, stride)
        or layer.kernel_size != (size, size)
    ):
        raise UserError(f"the layer '{layer.name}' has settings that are not supported")
    before = [
        max((few - 1) * stride + size - many, 0) // 2 if layer.padding == "same" else 0
        for few, many in zip(small, large, strict=True)
    ]
    return {
        "kind": "conv_transpose" if transposed else "conv",
        "input": list(layer.input.shape[1:]),
        "output": list(layer.output.shape[1:]),
        "size": size,
        "stride": stride,
        "before": before,
    }


def _batch_norm(layer: keras.layers.BatchNormalization) -> dict[str, Any]:
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    if axis not in (-1, len(layer.output.shape) - 1):
        raise UserError(f"the layer '{layer.name}' has settings that are not supported")
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma)
    shift = -mean * scale
    if layer.center:
        shift = shift + np.asarray(layer.beta)
    return {
        "kind": "scale",
        "scale": _base64(scale, np.float32),
        "shift": _base64(shift, np.float32),
    }


def _activation(layer: keras.Layer, activation: Callable) -> list[dict[str, Any]]:
    name = keras.activations.serialize(activation)
    known: dict[str, list[dict[str, Any]]] = {
        "linear": [],
        "relu": [{"kind": "relu", "slope": 0.0}],
        "sigmoid": [{"kind": "sigmoid"}],
        "tanh": [{"kind": "tanh"}],
    }
    if not isinstance(name, str) or name not in known:
        raise UserError(f"the activation of the layer '{layer.name}' is not supported")
    return known[name]


def _relu(layer: keras.layers.ReLU | keras.layers.LeakyReLU) -> dict[str, Any]:
    if isinstance(layer, keras.layers.ReLU) and (layer.max_value is not None or layer.threshold):
        raise UserError(f"the layer '{layer.name}' has settings that are not supported")
    return {"kind": "relu", "slope": float(layer.negative_slope)}


def _activation_layer(layer: keras.layers.Activation) -> dict[str, Any]:
    return next(iter(_activation(layer, layer.activation)), {})


def _nothing(layer: keras.Layer) -> dict[str, Any]:
    """Describe a layer that only renames the axes, or does nothing in inference mode."""
    return {}


_DESCRIBE: dict[type, Callable[[Any], dict[str, Any]]] = {
    keras.layers.Dense: _dense,
    keras.layers.Conv2D: _conv,
    keras.layers.Conv2DTranspose: _conv,
    keras.layers.BatchNormalization: _batch_norm,
    keras.layers.ReLU: _relu,
    keras.layers.LeakyReLU: _relu,
    keras.layers.Activation: _activation_layer,
    keras.layers.Reshape: _nothing,
    keras.layers.Flatten: _nothing,
    keras.layers.Dropout: _nothing,
}


def _kernel(layer: keras.Layer) -> np.ndarray:
    """Return a kernel with its outputs on the first axis and its inputs on the last."""
    return np.asarray(layer.kernel).transpose(_OUTPUTS_FIRST[type(layer)])


def _packed(kernel: np.ndarray, precision: str) -> tuple[dict[str, Any], np.ndarray]:
    """Return a kernel [out, ...] rounded: as JSON can hold it, and as floats again.

    int8 has a scale for each output: its largest weight becomes 127.
    """
    if kernel.size <= _SMALL:
        precision = "float32"
    if precision == "int8":
        rows = kernel.reshape(len(kernel), -1)
        scales = np.maximum(np.abs(rows).max(axis=1), np.finfo(np.float32).tiny) / 127
        scales = scales.astype(np.float32)
        whole = np.rint(rows / scales[:, None])
        packed = {"scales": _base64(scales, np.float32), "data": _base64(whole, np.int8)}
        floats = (whole * scales[:, None]).astype(np.float32).reshape(kernel.shape)
    else:
        with np.errstate(over="ignore"):  # the caller looks for infinity
            floats = kernel.astype(precision).astype(np.float32)
        packed = {"data": _base64(floats, np.dtype(precision))}
    return {"type": precision, "outputs": len(kernel), **packed}, floats


def _base64(array: np.ndarray, dtype: Any) -> str:
    """Return the values as little-endian bytes in base 64."""
    values = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
    return base64.b64encode(values.tobytes()).decode()


def num_weights(network: keras.Model) -> int:
    """Return how many kernel weights `portable` writes."""
    kernels = (layer.kernel for layer in network.layers if type(layer) in _OUTPUTS_FIRST)
    return sum(math.prod(kernel.shape) for kernel in kernels)
