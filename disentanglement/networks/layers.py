"""The layers of the paper's networks that Keras lacks, and the initial weights of networks."""

import keras
import numpy as np
from keras import ops

from disentanglement import engine

LEAK = 0.2  # slope of the leaky ReLU
WEIGHT_STD = 0.02  # standard deviation of every initial kernel


class LeakyReLU(keras.layers.Layer):
    """max(x, 0.2 x), with gradient 1 at x = 0 as in the paper's code.

    Keras's own layer has gradient 0.2 there. This matters in the first iteration, when biases are 0
    and black patches of an image make whole feature maps exactly 0.
    """

    def call(self, inputs):
        return engine.leaky_relu(inputs, LEAK)


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, with the engine's kernel for training on images [N, H, W, C]."""

    def call(self, inputs, training=None):
        if not training or len(inputs.shape) != 4 or inputs.shape[0] is None:
            return super().call(inputs, training=training)
        outputs, mean, variance = engine.batch_normalization(
            inputs, self.gamma, self.beta, self.epsilon
        )
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + value * (1 - self.momentum))
        return outputs


def batch_norm(name: str) -> BatchNormalization:
    """Return batch normalisation as in the paper's code: momentum 0.9, epsilon 1e-5."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


def l2_normalize(x):
    """Return x / (||x|| + 1e-12), with the norm over the whole tensor."""
    return x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-12)


def power_iteration(kernel, u):
    """Take one power-iteration step on a kernel reshaped to [-1, out].

    Miyato et al. 2018, arXiv 1802.05957, algorithm 1.

    Args:
        kernel: [..., out].
        u: The estimate of a singular vector so far, [1, out].

    Returns:
        sigma, the estimate of the largest singular value (a scalar), and the next u, [1, out].
    """
    matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
    v = l2_normalize(ops.matmul(u, ops.transpose(matrix)))
    next_u = l2_normalize(ops.matmul(v, matrix))
    sigma = ops.sum(ops.matmul(v, matrix) * next_u)
    return sigma, next_u


class _SpectralNorm(keras.layers.Layer):
    """Mixin for a layer with a kernel: adds u, and the kernel divided by sigma.

    A forward pass never changes u: all passes of a training iteration use the same u, and
    `update_spectral_vectors` updates it once, at the end. (Keras's own SpectralNormalization
    updates u in every training-mode pass, which the paper's code does not.)
    """

    kernel: keras.Variable

    def build(self, input_shape):
        super().build(input_shape)
        self.u = self.add_weight(
            name="u", shape=(1, self.kernel.shape[-1]), initializer="ones", trainable=False
        )

    def normalized_kernel(self):
        sigma, _ = power_iteration(self.kernel, self.u)
        return self.kernel / sigma

    def update_u(self):
        self.u.assign(power_iteration(self.kernel, self.u)[1])


class Conv2D(keras.layers.Conv2D):
    """Convolution with stride 2 and SAME padding, which halves height and width."""

    def __init__(self, filters, kernel_size, name=None):
        super().__init__(filters, kernel_size, strides=2, padding="same", name=name)

    def call(self, inputs):
        return engine.conv(inputs, self.kernel) + self.bias


class SpectralConv2D(_SpectralNorm, Conv2D):
    """`Conv2D` with a spectrally normalised kernel."""

    def call(self, inputs):
        return engine.conv(inputs, self.normalized_kernel()) + self.bias


class SpectralDense(_SpectralNorm, keras.layers.Dense):
    """Dense layer with a spectrally normalised kernel."""

    def call(self, inputs):
        return ops.matmul(inputs, self.normalized_kernel()) + self.bias


class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Transposed convolution with stride 2 and SAME padding, which doubles height and width."""

    def __init__(self, filters, kernel_size, name=None):
        super().__init__(filters, kernel_size, strides=2, padding="same", name=name)

    def call(self, inputs):
        return engine.conv_transpose(inputs, self.kernel) + self.bias


def update_spectral_vectors(network: keras.Model) -> None:
    """Take one power-iteration step on every u of `network`, with the current kernels."""
    for layer in network.layers:
        if isinstance(layer, _SpectralNorm):
            layer.update_u()


def initialize(network: keras.Model, rng: np.random.Generator, keep_u: bool = False) -> None:
    """Draw initial values for all weights of `network`, as in the paper's code.

    Convolution kernels are normal(0, 0.02) truncated at two standard deviations, dense and
    transposed convolution kernels normal(0, 0.02), u truncated normal(0, 1); batch norm scale and
    moving variance are 1, all others 0. They are drawn with NumPy, so they are the same on every
    engine and device.

    Args:
        network: Built of this package's layers, dense layers and batch norm.
        rng: The source of the random numbers.
        keep_u: Leave every u as it is.
    """
    for layer in network.layers:
        for weight in layer.weights:
            if weight.name == "u":
                if not keep_u:
                    weight.assign(_truncated_normal(rng, weight.shape))
            elif weight.name == "kernel" and _is_conv(layer):
                weight.assign(WEIGHT_STD * _truncated_normal(rng, weight.shape))
            elif weight.name == "kernel":
                weight.assign(WEIGHT_STD * rng.standard_normal(weight.shape))
            elif weight.name in ("gamma", "moving_variance"):
                weight.assign(np.ones(weight.shape))
            elif weight.name in ("bias", "beta", "moving_mean"):
                weight.assign(np.zeros(weight.shape))
            else:
                raise ValueError(f"no rule for the initial value of {weight.path}")


def _is_conv(layer):
    return isinstance(layer, keras.layers.Conv2D)


def _truncated_normal(rng, shape):
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = rng.standard_normal(outside.sum())
    return values
