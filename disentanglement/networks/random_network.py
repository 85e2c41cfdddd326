"""A fixed random network whose features are used to compare images without labels.

Random convolutions distinguish textures, colours and coarse shapes, and need no download; they are
a poor substitute for a trained network or a person (see `metrics.random_features`).
"""

import functools
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from disentanglement import engine
from disentanglement.streams import stream

FILTERS = (64, 128, 256)
SEED = 0  # of the weights; changing it changes every score
_CHUNK = 1000  # images in memory at once


def network(shape: tuple[int, int, int]) -> keras.Model:
    """Build the network: images [N, *shape] in [-1, 1] -> features [N, 896].

    Three 5x5 convolutions with stride 2 and leaky ReLU; the features are the mean and the standard
    deviation of each feature map. Kernels are orthogonal, scaled to preserve the variance.
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


def describe(
    images_of: Callable[[np.ndarray], np.ndarray], numbers: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Return the features [N, 896] of images.

    Args:
        images_of: Returns images [n, *shape] in [-1, 1] from n of the numbers.
        numbers: What `images_of` takes, [N, ...].
        shape: (H, W, C) of an image.
    """
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
    # With unit columns the output has the variance of the input; the ReLU takes about half.
    return (q.reshape(shape) * np.sqrt(2 / (1 + 0.2**2))).astype(np.float32)
