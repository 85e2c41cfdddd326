"""Spectral norm, folded convolutions and initial weights: values and gradients."""

import keras
import numpy as np
import pytest
from keras import ops

from disentanglement import engine
from disentanglement.networks import layers
from tests.gradients import gradients


def spectral_dense(seed, shape=(7, 4)):
    layer = layers.SpectralDense(shape[1])
    layer.build((None, shape[0]))
    rng = np.random.default_rng(seed)
    layer.kernel.assign(rng.standard_normal(shape))
    layer.u.assign(rng.standard_normal((1, shape[1])))
    return layer


def test_sigma_converges_to_the_largest_singular_value():
    layer = spectral_dense(0)
    for _ in range(200):
        layer.update_u()
    sigma, _ = layers.power_iteration(layer.kernel, layer.u)
    expected = np.linalg.svd(np.asarray(layer.kernel), compute_uv=False)[0]
    np.testing.assert_allclose(float(sigma), expected, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(np.asarray(layer.u)), 1, rtol=1e-6)


def test_sigma_of_one_step_by_hand():
    layer = spectral_dense(1)
    kernel, u = np.asarray(layer.kernel, np.float64), np.asarray(layer.u, np.float64)
    v = u @ kernel.T
    v /= np.linalg.norm(v)
    next_u = v @ kernel
    next_u /= np.linalg.norm(next_u)
    sigma, got_u = layers.power_iteration(layer.kernel, layer.u)
    np.testing.assert_allclose(float(sigma), (v @ kernel @ next_u.T).item(), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(got_u), next_u, rtol=1e-4)


def test_a_forward_pass_leaves_u_alone():
    layer = spectral_dense(2)
    before = np.asarray(layer.u).copy()
    layer(np.ones((3, 7), np.float32), training=True)
    np.testing.assert_array_equal(np.asarray(layer.u), before)
    layer.update_u()
    assert np.abs(np.asarray(layer.u) - before).max() > 1e-3


def test_gradient_flows_through_sigma():
    """Compare with finite differences in float64, in which u and v depend on the kernel too."""
    layer = spectral_dense(3)
    rng = np.random.default_rng(4)
    weights = rng.standard_normal((7, 4))
    u = np.asarray(layer.u, np.float64)

    def value(kernel):
        v = u @ kernel.T
        v /= np.linalg.norm(v)
        next_u = v @ kernel
        next_u /= np.linalg.norm(next_u)
        return (weights * kernel / (v @ kernel @ next_u.T)).sum()

    def loss(kernel):
        with keras.StatelessScope([(layer.kernel, kernel)]):
            return ops.sum(weights.astype(np.float32) * layer.normalized_kernel())

    (gradient,) = gradients(loss, layer.kernel)
    kernel = np.asarray(layer.kernel, np.float64)
    for i, j in [(0, 0), (3, 2), (6, 3)]:
        step = np.zeros_like(kernel)
        step[i, j] = 1e-6
        expected = (value(kernel + step) - value(kernel - step)) / 2e-6
        np.testing.assert_allclose(gradient[i, j], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 32])
@pytest.mark.parametrize("size", [4, 5])
def test_conv_is_the_plain_convolution(channels, size):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2, 8, 8, channels)).astype(np.float32)
    kernel = rng.standard_normal((size, size, channels, 5)).astype(np.float32)

    def plain(x, kernel):
        return ops.conv(x, kernel, strides=2, padding="same")

    np.testing.assert_allclose(engine.conv(x, kernel), plain(x, kernel), atol=1e-4)
    ours = gradients(lambda *inputs: ops.sum(engine.conv(*inputs) ** 2), x, kernel)
    theirs = gradients(lambda *inputs: ops.sum(plain(*inputs) ** 2), x, kernel)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3, 32])
@pytest.mark.parametrize("size", [4, 5])
def test_conv_transpose_is_the_plain_one(channels, size):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((2, 4, 4, 5)).astype(np.float32)
    kernel = rng.standard_normal((size, size, channels, 5)).astype(np.float32)

    def plain(x, kernel):
        return ops.conv_transpose(x, kernel, strides=2, padding="same")

    np.testing.assert_allclose(engine.conv_transpose(x, kernel), plain(x, kernel), atol=1e-4)
    ours = gradients(lambda *inputs: ops.sum(engine.conv_transpose(*inputs) ** 2), x, kernel)
    theirs = gradients(lambda *inputs: ops.sum(plain(*inputs) ** 2), x, kernel)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)


def test_batch_norm_of_images_is_keras_own():
    """Compare values, gradients and moving averages; Keras's layer is the second way."""
    rng = np.random.default_rng(7)
    x = (3 + 2 * rng.standard_normal((4, 3, 3, 5))).astype(np.float32)
    weights = rng.standard_normal(x.shape).astype(np.float32)
    ours = layers.batch_norm("norm")
    theirs = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    gamma, beta = rng.standard_normal((2, 5)).astype(np.float32)
    found = []
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.set_weights([gamma, beta, np.zeros(5), np.ones(5)])
        values = gradients(lambda x, norm=layer: ops.sum(norm(x, training=True) * weights), x)
        layer.set_weights([gamma, beta, np.zeros(5), np.ones(5)])
        values += [layer(x, training=True), *layer.get_weights(), layer(x, training=False)]
        found.append(values)
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


def test_batch_norm_of_many_values_is_as_exact_as_keras_own():
    """Compare with float64: sums of 65,536 values lose digits if they are added one by one."""
    rng = np.random.default_rng(9)
    x = np.maximum(0.5 * rng.standard_normal((64, 32, 32, 32)), -0.1).astype(np.float32)
    exact = x.astype(np.float64)
    std = np.sqrt(exact.var(axis=(0, 1, 2)) + 1e-5)
    expected = (exact - exact.mean(axis=(0, 1, 2))) / std

    def error(layer):
        layer.build(x.shape)
        return np.abs(np.asarray(layer(x, training=True)) - expected).max()

    theirs = error(keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5))
    assert error(layers.batch_norm("norm")) < 1.5 * theirs


def test_adam_is_keras_own():
    rng = np.random.default_rng(8)
    start, steps = rng.standard_normal((2, 3)), rng.standard_normal((20, 2, 3)) ** 3
    found = []
    for kind in (engine.Adam, keras.optimizers.Adam):
        variable = keras.Variable(start)
        optimizer = kind(0.01, beta_1=0.5, beta_2=0.9, epsilon=1e-8)
        optimizer.build([variable])
        for gradient in steps:
            optimizer.apply([ops.convert_to_tensor(gradient, "float32")], [variable])
        found.append([np.asarray(v) for v in (variable, *optimizer.variables)])
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_leaky_relu_and_its_gradient_at_zero():
    x = np.array([-2.0, 0.0, 3.0], np.float32)
    leaky = layers.LeakyReLU()
    np.testing.assert_allclose(leaky(x), [-0.4, 0, 3], rtol=1e-6)
    (gradient,) = gradients(lambda x: ops.sum(leaky(x)), x)
    np.testing.assert_allclose(gradient, [0.2, 1, 1])


def test_initial_weights():
    image = keras.Input((16, 16, 32))
    x = layers.SpectralConv2D(64, 4, name="conv")(image)
    x = layers.batch_norm("norm")(x)
    x = layers.Conv2DTranspose(64, 4, name="deconv")(x)
    x = layers.SpectralDense(200, name="dense")(keras.layers.Flatten()(x))
    network = keras.Model(image, x)
    layers.initialize(network, np.random.default_rng(0))
    conv, deconv, dense, norm = (
        network.get_layer(name) for name in ("conv", "deconv", "dense", "norm")
    )
    # Truncation at two standard deviations multiplies the deviation by 0.8796.
    assert np.abs(np.asarray(conv.kernel)).max() <= 0.04
    np.testing.assert_allclose(np.asarray(conv.kernel).std(), 0.02 * 0.8796, rtol=0.02)
    for layer in (deconv, dense):
        assert np.abs(np.asarray(layer.kernel)).max() > 0.06
        np.testing.assert_allclose(np.asarray(layer.kernel).std(), 0.02, rtol=0.02)
        np.testing.assert_array_equal(np.asarray(layer.bias), 0)
    assert np.abs(np.asarray(dense.u)).max() <= 2
    np.testing.assert_array_equal(np.asarray(norm.gamma), 1)
    np.testing.assert_array_equal(np.asarray(norm.moving_variance), 1)

    u, kernel = np.asarray(dense.u).copy(), np.asarray(dense.kernel).copy()
    layers.initialize(network, np.random.default_rng(1), keep_u=True)
    np.testing.assert_array_equal(np.asarray(dense.u), u)
    assert np.abs(np.asarray(dense.kernel) - kernel).max() > 0.01


def test_leaky_relu_gives_the_same_values_in_both_modes():
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    layer = layers.LeakyReLU()
    inference = np.asarray(layer(x, training=False))
    np.testing.assert_array_equal(inference, np.asarray(layer(x, training=True)))
    np.testing.assert_array_equal(inference, np.maximum(x, np.float32(0.2) * x))


def test_a_network_with_leaky_relu_is_in_inference_mode_unless_told_otherwise():
    image = keras.Input((3,))
    network = keras.Model(image, layers.batch_norm("norm")(layers.LeakyReLU()(image)))
    x = np.ones((4, 3), np.float32)
    np.testing.assert_array_equal(network(x), network(x, training=False))
