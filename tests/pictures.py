"""Look into pictures: where tiles are, and what is written in a file."""

import numpy as np
from PIL import Image

WHITE = 255


def read(path):
    """Return the pixels [H, W, 1 or 3] of a picture and its text entries."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
        return pixels.reshape(*pixels.shape[:2], -1), dict(picture.info)


def places(pixels, tile):
    """Return the places (row, column) of the upper left corners of a tile [H, W, C]."""
    height, width, _ = tile.shape
    tops, lefts = np.indices(np.subtract(pixels.shape, tile.shape)[:2] + 1).reshape(2, -1)
    # In any order but the tile's own, few places are left after a few pixels.
    for number in np.random.default_rng(0).permutation(height * width):
        y, x = divmod(int(number), width)
        same = (pixels[tops + y, lefts + x] == tile[y, x]).all(axis=1)
        tops, lefts = tops[same], lefts[same]
    return list(zip(tops.tolist(), lefts.tolist(), strict=True))


def frame(pixels, place, tile, distance):
    """Return the pixels on a frame at this distance around a tile."""
    (top, left), (height, width) = place, tile.shape[:2]
    outer = pixels[
        top - distance : top + height + distance, left - distance : left + width + distance
    ]
    return np.concatenate([outer[0], outer[-1], outer[:, 0], outer[:, -1]])


def has_text(pixels):
    """Whether there is anything but white in these pixels."""
    return bool((pixels != WHITE).any())
