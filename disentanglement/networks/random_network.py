"""A network with random weights that never learn, to describe images without labels by.

Random convolutions tell textures, colours and coarse shapes apart, and need no download; what they
see is far from what people or a trained network see (see `metrics.random_features`).
"""

import functools
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from disentanglement import engine
from disentanglement.streams import stream

FILTERS = (64, 128, 256)
SEED = 0  # of the weights: one network for all time
_CHUNK = 1000  # images held at a time


def network(shape: tuple[int, int, int]) -> keras.Model:
    """Images [N, *shape] in [-1, 1] -> features [N, 896].

    Three convolutions, 5x5, stride 2, leaky ReLU; of each layer's maps the mean and the standard
    deviation over the image. Kernels are orthogonal, scaled so that layers keep their size.
    """
    x = image = layers.Input(shape, name="image")
    features = []
    for i, filters in enumerate(FILTERS):
        layer = layers.Conv2D(filters, 5, strides=2, padding="same", use_bias=False)
        x = layer(x)
        layer.kernel.assign(_kernel(i, layer.kernel.shape))
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        features += [ops.mean(x, axis=(1, 2)), ops.std(x, axis=(1, 2))]
    return keras.Model(image, layers.Concatenate()(features), name="random_network")


def describe(images_of: Callable, numbers: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The features [N, 896] of images_of(numbers [n, ...]) -> images [n, *shape] in [-1, 1]."""
    features = _compiled(tuple(shape))
    pieces = np.array_split(numbers, -(-len(numbers) // _CHUNK))
    return np.concatenate([features(images_of(piece)) for piece in pieces])


@functools.cache
def _compiled(shape):
    return engine.compile_inference(network(shape))


def _kernel(layer, shape):
    rng = stream(SEED, "random network", layer)
    inputs = int(np.prod(shape[:-1]))
    rows, columns = max(inputs, shape[-1]), min(inputs, shape[-1])
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
    q *= np.sign(np.diag(r))
    q = q if inputs >= shape[-1] else q.T
    # With unit columns an output varies as much as an input does; the ReLU takes about half.
    return (q.reshape(shape) * np.sqrt(2 / (1 + 0.2**2))).astype(np.float32)
