"""Turn networks into plain Keras models, which load without this package."""

from pathlib import Path

import keras

from disentanglement.files import atomic_path
from disentanglement.networks.layers import (
    LEAK,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    LeakyReLU,
    SpectralConv2D,
    SpectralDense,
)


def fold(network: keras.Model) -> keras.Model:
    """Return a copy of `network` in stock Keras layers, with spectral norm folded into the kernels.

    In inference mode its outputs equal the network's up to rounding.
    """
    copy = keras.models.clone_model(network, clone_function=_stock_layer)
    for layer, stock in zip(network.layers, copy.layers, strict=True):
        if isinstance(layer, SpectralConv2D | SpectralDense):
            stock.set_weights([keras.ops.convert_to_numpy(layer.normalized_kernel()), layer.bias])
        else:
            stock.set_weights(layer.get_weights())
    return copy


def save_keras(network: keras.Model, path: Path) -> None:
    """Save `network` to `path` (.keras) atomically."""
    with atomic_path(path) as temporary:
        network.save(temporary)


def _stock_layer(layer):
    name = layer.name
    if isinstance(layer, Conv2D):
        return keras.layers.Conv2D(
            layer.filters, layer.kernel_size, layer.strides, layer.padding, name=name
        )
    if isinstance(layer, SpectralDense):
        return keras.layers.Dense(layer.units, name=name)
    if isinstance(layer, Conv2DTranspose):
        return keras.layers.Conv2DTranspose(
            layer.filters, layer.kernel_size, layer.strides, layer.padding, name=name
        )
    if isinstance(layer, LeakyReLU):
        return keras.layers.LeakyReLU(LEAK, name=name)
    if isinstance(layer, BatchNormalization):
        return keras.layers.BatchNormalization.from_config(layer.get_config())
    return layer.__class__.from_config(layer.get_config())
