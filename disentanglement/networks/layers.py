"""The layers of the paper's networks that Keras lacks, and how all weights are first drawn."""

import keras
import numpy as np
from keras import ops

LEAK = 0.2  # slope of the leaky ReLU
WEIGHT_STD = 0.02  # standard deviation of every initial kernel
_FEW_CHANNELS = 4


class LeakyReLU(keras.layers.Layer):
    """max(x, 0.2 x), whose gradient at x = 0 is 1, as in the paper's code.

    Keras's own gives 0.2 there. It matters in the first iteration, where biases are 0 and an
    image's black patches make whole feature maps exactly 0. (`ops.maximum` does the same, but makes
    the training step a tenth slower.)
    """

    def call(self, inputs):
        slope = LEAK + (1 - LEAK) * ops.cast(inputs >= 0, inputs.dtype)
        return inputs * slope


def batch_norm(name: str):
    """Batch normalisation with scale and offset, momentum 0.9, epsilon 1e-5."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


def l2_normalize(x):
    """x / (||x|| + 1e-12), over all of x."""
    return x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-12)


def power_iteration(kernel, u):
    """One power-iteration step from u on the kernel reshaped to [-1, out].

    kernel [..., out], u [1, out]. Returns sigma (a scalar, the estimate of the largest singular
    value) and the next u [1, out]. Miyato et al. 2018, arXiv 1802.05957, algorithm 1.
    """
    matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
    v = l2_normalize(ops.matmul(u, ops.transpose(matrix)))
    next_u = l2_normalize(ops.matmul(v, matrix))
    sigma = ops.sum(ops.matmul(v, matrix) * next_u)
    return sigma, next_u


class _SpectralNorm:
    """Mixin for a layer with `kernel`: divides it by sigma at every forward pass.

    A forward pass never changes u: all passes of one training iteration use the same u, and
    `update_spectral_vectors` moves it once, at the iteration's end.
    """

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
    """Convolution with stride 2 and SAME padding; halves height and width."""

    def __init__(self, filters, kernel_size, name=None):
        super().__init__(filters, kernel_size, strides=2, padding="same", name=name)

    def call(self, inputs):
        return conv(inputs, self.kernel) + self.bias


class SpectralConv2D(_SpectralNorm, Conv2D):
    """The same with a spectrally normalised kernel."""

    def call(self, inputs):
        return conv(inputs, self.normalized_kernel()) + self.bias


class SpectralDense(_SpectralNorm, keras.layers.Dense):
    """Dense layer with a spectrally normalised kernel."""

    def call(self, inputs):
        return ops.matmul(inputs, self.normalized_kernel()) + self.bias


class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Transposed convolution with stride 2 and SAME padding; doubles height and width."""

    def __init__(self, filters, kernel_size, name=None):
        super().__init__(filters, kernel_size, strides=2, padding="same", name=name)

    def call(self, inputs):
        return conv_transpose(inputs, self.kernel) + self.bias


def conv(x, kernel):
    """Convolution, stride 2, SAME. x [N, H, W, C] with H, W even; kernel [h, w, C, out].

    With an image's few channels the CPU kernels for the gradient with respect to x are three
    times slower than the arithmetic warrants. Folding each 2x2 block of pixels into the channels
    gives the same sums as a convolution of stride 1, whose gradient is fast.
    """
    if not _folds(kernel, channels=kernel.shape[2]):
        return ops.conv(x, kernel, strides=2, padding="same")
    size, _, channels, out = kernel.shape
    height, width, half = (
        x.shape[1] // 2 + size // 2 - 1,
        x.shape[2] // 2 + size // 2 - 1,
        size // 2,
    )
    pad = half - 1
    x = ops.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    x = ops.reshape(x, (-1, height, 2, width, 2, channels))
    x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height, width, 4 * channels))
    kernel = ops.reshape(kernel, (half, 2, half, 2, channels, out))
    kernel = ops.transpose(kernel, (0, 2, 1, 3, 4, 5))
    kernel = ops.reshape(kernel, (half, half, 4 * channels, out))
    return ops.conv(x, kernel, strides=1, padding="valid")


def conv_transpose(x, kernel):
    """Transposed convolution, stride 2, SAME. x [N, H, W, in], kernel [h, w, out, in].

    With few output channels it is computed as one of stride 1 that yields 2x2 blocks of pixels
    (the mirror image of `conv`).
    """
    if not _folds(kernel, channels=kernel.shape[2]):
        return ops.conv_transpose(x, kernel, strides=2, padding="same")
    size, _, channels, inputs = kernel.shape
    half, pad = size // 2, size // 2 - 1
    kernel = ops.reshape(kernel, (half, 2, half, 2, channels, inputs))
    kernel = ops.transpose(kernel, (0, 2, 1, 3, 4, 5))
    kernel = ops.reshape(kernel, (half, half, 4 * channels, inputs))
    height, width = x.shape[1] + half - 1, x.shape[2] + half - 1
    y = ops.conv_transpose(x, kernel, strides=1, padding="valid")
    y = ops.transpose(ops.reshape(y, (-1, height, width, 2, 2, channels)), (0, 1, 3, 2, 4, 5))
    y = ops.reshape(y, (-1, 2 * height, 2 * width, channels))
    return y[:, pad : 2 * height - pad, pad : 2 * width - pad]


def _folds(kernel, channels):
    # SAME padding is symmetric, and the kernel splits into 2x2 blocks, only for these sizes.
    return channels <= _FEW_CHANNELS and kernel.shape[0] == kernel.shape[1] == 4


def update_spectral_vectors(network: keras.Model) -> None:
    """Move every u of `network` one power-iteration step, from the kernels as they are now."""
    for layer in network.layers:
        if isinstance(layer, _SpectralNorm):
            layer.update_u()


def initialize(network: keras.Model, rng: np.random.Generator, keep_u: bool = False) -> None:
    """Draw every weight of `network` anew, with NumPy: the same on every engine and device.

    Convolution kernels: normal(0, 0.02) truncated at two standard deviations; dense and
    transposed convolution kernels: normal(0, 0.02); u: truncated normal(0, 1), or left alone with
    `keep_u`; batch norm scale and moving variance: 1; all else: 0.
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
