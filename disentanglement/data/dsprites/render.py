"""Render all 737,280 images of dSprites from its definition, bit for bit.

The official images are polygons on a 64x64 grid, without antialiasing. Vertices are rounded to
1/256 pixel. A pixel is white if its centre is inside; a centre on a left or bottom edge counts as
inside, one on a right or top edge as outside. All of this is done here in integers.

A row of 64 pixels is a big-endian 64-bit word whose highest bit is pixel 0. An edge that crosses
the row at pixel k flips all pixels from k on, which is a single XOR. np.unpackbits reads the words.
"""

from collections.abc import Callable

import numpy as np

FACTOR_NAMES = ("color", "shape", "scale", "orientation", "posX", "posY")
FACTOR_SIZES = (1, 3, 6, 40, 32, 32)
FACTOR_VALUES = (
    np.array([1.0]),
    np.array([1.0, 2.0, 3.0]),  # square, ellipse, heart
    np.linspace(0.5, 1, 6),
    np.linspace(0, 2 * np.pi, 40),
    np.linspace(0, 1, 32),
    np.linspace(0, 1, 32),
)
SIZE = 64
_UNIT = 256  # subpixel steps of a vertex
# _FLIP[k] flips pixels k..63; _FLIP[64], for an edge to the right of the image, flips none.
_FLIP = np.array([(1 << (SIZE - k)) - 1 for k in range(SIZE + 1)], dtype=np.uint64)


def render(progress: Callable[[int, int], None] = lambda done, total: None) -> np.ndarray:
    """Return all images in the official order, packed as by `np.packbits`: uint8 [737280, 512].

    progress: called with (poses done, poses in all).
    """
    _, shapes, scales, orientations, n_x, n_y = FACTOR_SIZES
    poses = np.empty((shapes * scales * orientations, n_x, n_y, SIZE), dtype=">u8")
    for i, indices in enumerate(np.ndindex(shapes, scales, orientations)):
        poses[i] = _all_positions(*indices)
        progress(i + 1, len(poses))
    return poses.view(np.uint8).reshape(-1, SIZE * SIZE // 8)


def _all_positions(shape, scale, orientation):
    """Return one pose at all positions, a word per row of pixels: [posX, posY, row]."""
    x, y = _outline(shape, FACTOR_VALUES[2][scale])
    a = FACTOR_VALUES[3][orientation]
    x, y = x * np.cos(a) + y * np.sin(a), -x * np.sin(a) + y * np.cos(a)
    xs = _subpixels(16 + 32 * FACTOR_VALUES[4][:, None] + x)  # [posX, vertex]
    ys = _subpixels(16 + 32 * FACTOR_VALUES[5][:, None] + y)  # [posY, vertex]
    next_xs, next_ys = np.roll(xs, -1, axis=1), np.roll(ys, -1, axis=1)

    # Which edges cross which rows depends on posY alone. Half-open: bottom inside, top outside.
    centre = _UNIT * np.arange(SIZE) + _UNIT // 2
    low, high = np.minimum(ys, next_ys), np.maximum(ys, next_ys)
    row = centre[:, None]
    pos_y, rows, edge = np.nonzero((low[:, None] < row) & (row <= high[:, None]))

    # Where they cross, for every posX: k is the first pixel whose centre is not left of the edge,
    # k = ceil(x - 1/2) in pixels, computed exactly in integers.
    y0, dy = ys[pos_y, edge], next_ys[pos_y, edge] - ys[pos_y, edge]
    x0, dx = xs[:, edge], next_xs[:, edge] - xs[:, edge]
    numerator = (x0 - _UNIT // 2) * dy + (centre[rows] - y0) * dx
    k = -((-numerator) // (_UNIT * dy))
    flips = _FLIP[np.clip(k, 0, SIZE)]  # [posX, crossing]

    # np.nonzero lists the crossings row by row: XOR those of each row.
    where = pos_y * SIZE + rows
    starts = np.flatnonzero(np.diff(where, prepend=-1))
    words = np.zeros((len(xs), len(ys) * SIZE), np.uint64)
    words[:, where[starts]] = np.bitwise_xor.reduceat(flips, starts, axis=1)
    return words.reshape(len(xs), len(ys), SIZE)


def _outline(shape, scale):
    """Return the polygon's vertices (x, y) relative to its centre, in pixels, y down."""
    h = 9.6 * scale
    if shape == 0:
        return h * np.array([-1, 1, 1, -1]), h * np.array([-1, -1, 1, 1])
    if shape == 1:
        t = 2 * np.pi * np.arange(100) / 100
        return 1.33 * h * np.cos(t), h / 1.33 * np.sin(t)
    t = 2 * np.pi * np.arange(150) / 150
    lobes = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return h * np.sin(t) ** 3, -h * (0.15 + lobes / 14.5)


def _subpixels(pixels):
    return np.rint(pixels * _UNIT).astype(np.int64)
