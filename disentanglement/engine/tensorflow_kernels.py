"""Layers and Adam in the kernels of TensorFlow that are fastest on a CPU."""

from typing import Any

import numpy as np

from disentanglement.engine.tensorflow import keras, tf

_FEW_CHANNELS = 8  # up to here, folding pixels into channels is faster (see `_folded_transpose`)


class Adam(keras.optimizers.Adam):
    """Keras's Adam, whose update is one pass over memory (TensorFlow's own kernel) instead of ten.

    The formula is the same; results differ by rounding. It does not support amsgrad.
    """

    def update_step(self, gradient, variable, learning_rate):
        index, gradient = self._get_variable_index(variable), tf.cast(gradient, variable.dtype)
        step = tf.cast(self.iterations.value + 1, gradient.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, gradient.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def leaky_relu(x: Any, slope: float) -> Any:
    """Return max(x, slope * x), with gradient 1 at x = 0 (Keras's function has `slope` there).

    TensorFlow merges the forward pass with the convolution before it.
    """

    @tf.custom_gradient
    def function(x):
        y = tf.nn.leaky_relu(x, slope)

        def gradient(upstream):
            # TensorFlow's kernel asks whether y > 0. The smallest normal number changes 0, and no
            # other float32 that matters.
            positive_at_zero = y + np.finfo(np.float32).tiny
            return tf.raw_ops.LeakyReluGrad(
                gradients=upstream, features=positive_at_zero, alpha=slope
            )

        return y, gradient

    return function(x)


def batch_normalization(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Normalise each channel over the batch and all positions, for training.

    TensorFlow's fused kernel would be three times as fast, but adds all numbers of a channel one by
    one: of 65,536 values, the result is then wrong by 1e-4, five times as much as here.

    Args:
        x: [N, H, W, C].
        gamma, beta: The scale and the offset, [C].
        epsilon: Added to the variance.

    Returns:
        The normalised x, and the mean and the variance (of the population) of each channel. No
        gradient flows through these two.
    """
    axes = (0, 1, 2)
    n = x.shape[0] * x.shape[1] * x.shape[2]

    @tf.custom_gradient
    def function(x, gamma, beta):
        mean = tf.reduce_mean(x, axes)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axes)
        scale = tf.math.rsqrt(variance + epsilon)

        def gradient(upstream, *_):
            sum_upstream = tf.reduce_sum(upstream, axes)
            sum_product = tf.reduce_sum(upstream * (x - mean), axes)
            a = gamma * scale
            b = -a * scale**2 * sum_product / n
            c = -a * sum_upstream / n - b * mean
            return upstream * a + _affine(x, b, c), sum_product * scale, sum_upstream

        y = _affine(x, gamma * scale, beta - gamma * scale * mean)
        return (y, mean, variance), gradient

    return function(*map(tf.convert_to_tensor, (x, gamma, beta)))


def _affine(x, scale, offset):
    """Return x * scale + offset in one pass; the fused kernel of inference mode can do that."""
    zero, epsilon = tf.zeros_like(scale), 1e-3
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=scale,
        offset=offset,
        mean=zero,
        variance=zero + (1 - epsilon),
        epsilon=epsilon,
        is_training=False,
    ).y


def conv(x: Any, kernel: Any) -> Any:
    """Convolve with stride 2 and SAME padding.

    Args:
        x: [N, H, W, C] with even H and W.
        kernel: [h, w, C, out].
    """
    if not _folds(kernel):
        return keras.ops.conv(x, kernel, strides=2, padding="same")

    @tf.custom_gradient
    def function(x, kernel):
        def gradient(upstream):
            return _folded_transpose(upstream, kernel), _kernel_gradient(x, kernel, upstream)

        return tf.nn.conv2d(x, kernel, 2, "SAME"), gradient

    return function(tf.convert_to_tensor(x), tf.convert_to_tensor(kernel))


def conv_transpose(x: Any, kernel: Any) -> Any:
    """Apply a transposed convolution with stride 2 and SAME padding.

    Args:
        x: [N, H, W, in].
        kernel: [h, w, out, in].
    """
    if not _folds(kernel):
        return keras.ops.conv_transpose(x, kernel, strides=2, padding="same")

    @tf.custom_gradient
    def function(x, kernel):
        def gradient(upstream):
            return tf.nn.conv2d(upstream, kernel, 2, "SAME"), _kernel_gradient(upstream, kernel, x)

        return _folded_transpose(x, kernel), gradient

    return function(tf.convert_to_tensor(x), tf.convert_to_tensor(kernel))


def _folds(kernel):
    # At this size SAME padding is symmetric and the kernel splits into 2x2 blocks.
    return kernel.shape[2] <= _FEW_CHANNELS and kernel.shape[0] == kernel.shape[1] == 4


def _kernel_gradient(x, kernel, upstream):
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x,
        filter_sizes=kernel.shape,
        out_backprop=upstream,
        strides=[1, 2, 2, 1],
        padding="SAME",
    )


def _folded_transpose(x, kernel):
    """Apply a transposed convolution with few output channels, which is also `conv`'s gradient.

    oneDNN's own takes up to three times as long. This one computes the same sums with stride 1 and
    2x2 blocks of pixels as channels.
    """
    ops, (_, _, channels, inputs) = keras.ops, kernel.shape
    kernel = ops.reshape(kernel, (2, 2, 2, 2, channels, inputs))
    kernel = ops.transpose(kernel, (0, 2, 1, 3, 4, 5))
    kernel = ops.reshape(kernel, (2, 2, 4 * channels, inputs))
    height, width = x.shape[1] + 1, x.shape[2] + 1
    y = ops.conv_transpose(x, kernel, strides=1, padding="valid")
    y = ops.transpose(ops.reshape(y, (-1, height, width, 2, 2, channels)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(y, (-1, 2 * height, 2 * width, channels))[:, 1:-1, 1:-1]
