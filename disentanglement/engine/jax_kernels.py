"""Layers and Adam on JAX; XLA merges their passes over memory. See tensorflow_kernels.py."""

from typing import Any

import keras
from keras import ops

Adam = keras.optimizers.Adam


def leaky_relu(x: Any, slope: float) -> Any:
    """Return max(x, slope * x), with gradient 1 at x = 0."""
    return x * (slope + (1 - slope) * ops.cast(x >= 0, x.dtype))


def batch_normalization(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Normalise each channel over the batch and all positions, for training."""
    mean, variance = ops.moments(x, axes=(0, 1, 2))
    return ops.batch_normalization(x, mean, variance, -1, beta, gamma, epsilon), mean, variance


def conv(x: Any, kernel: Any) -> Any:
    """Convolve with stride 2 and SAME padding."""
    return ops.conv(x, kernel, strides=2, padding="same")


def conv_transpose(x: Any, kernel: Any) -> Any:
    """Apply a transposed convolution with stride 2 and SAME padding."""
    return ops.conv_transpose(x, kernel, strides=2, padding="same")
