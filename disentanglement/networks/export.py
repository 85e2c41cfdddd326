"""Networks as plain Keras models: what a finished run hands to people without this package."""

from pathlib import Path

import keras

from disentanglement.files import atomic_path
from disentanglement.networks.layers import (
    LEAK,
    Conv2D,
    Conv2DTranspose,
    LeakyReLU,
    SpectralConv2D,
    SpectralDense,
)


def fold(network: keras.Model) -> keras.Model:
    """A copy of `network` made of stock Keras layers, spectral norm folded into the kernels.

    In inference mode the copy gives the network's outputs within rounding.
    """
    copy = keras.models.clone_model(network, clone_function=_stock_layer)
    for layer, stock in zip(network.layers, copy.layers, strict=True):
        if isinstance(layer, SpectralConv2D | SpectralDense):
            stock.set_weights([keras.ops.convert_to_numpy(layer.normalized_kernel()), layer.bias])
        else:
            stock.set_weights(layer.get_weights())
    return copy


def save_keras(network: keras.Model, path: Path) -> None:
    """Write `network` to `path` (.keras), all or nothing."""
    with atomic_path(path) as temporary:
        network.save(temporary)


def _stock_layer(layer):
    shared = {"name": layer.name}
    if isinstance(layer, Conv2D):
        return keras.layers.Conv2D(
            layer.filters, layer.kernel_size, layer.strides, layer.padding, **shared
        )
    if isinstance(layer, SpectralDense):
        return keras.layers.Dense(layer.units, **shared)
    if isinstance(layer, Conv2DTranspose):
        return keras.layers.Conv2DTranspose(
            layer.filters, layer.kernel_size, layer.strides, layer.padding, **shared
        )
    if isinstance(layer, LeakyReLU):
        return keras.layers.LeakyReLU(LEAK, **shared)
    return layer.__class__.from_config(layer.get_config())
