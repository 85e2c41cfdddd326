"""Several images in one frame: what a code does to a small bright thing on black.

After the pictures of the authors' CdSprites code. They suit images of one channel.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from disentanglement import sheet
from disentanglement.streams import stream
from disentanglement.training import visualize

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

FILE = "traversal_shaded.png"  # what a finished run leaves
_COLUMNS, _VALUES = 5, 10  # of the picture that a finished run leaves: vectors, overlaid images
_SCALE = 2  # of that picture


def shaded(images: np.ndarray) -> np.ndarray:
    """Overlay images, from dark to bright: the maximum of the images, the s-th of n times s / n.

    Args:
        images: [n, ..., H, W, C], first to last. Each is scaled from its minimum and maximum to
            0..1; one without contrast counts as black.

    Returns:
        [..., H, W, C], uint8.
    """
    weights = np.arange(1, len(images) + 1) / len(images)
    weighted = _scaled(images) * weights.reshape(-1, *[1] * (images.ndim - 1))
    return np.rint(255 * weighted.max(axis=0)).astype(np.uint8)


def centers(images: np.ndarray) -> np.ndarray:
    """Count, for every pixel, the images [n, H, W, 1] whose centre of mass is in it.

    Returns:
        [H, W, 1], uint8; the largest count is 255.
    """
    _, height, width, _ = images.shape
    mass = _scaled(images)[..., 0] + 1e-8  # an empty image has its centre in the middle
    total = mass.sum(axis=(1, 2))
    rows = np.rint(mass.sum(axis=2) @ np.arange(height) / total).astype(int)
    columns = np.rint(mass.sum(axis=1) @ np.arange(width) / total).astype(int)
    counts = np.zeros((height, width, 1))
    np.add.at(counts, (rows, columns), 1)
    return np.rint(255 * counts / counts.max()).astype(np.uint8)


def draw_shaded(path: Path, model: "Model", batches: int, data: str | None) -> None:
    """Draw what a finished run leaves: for every code, traversals overlaid with `shaded`.

    Each column has its own random vector, the same for all codes.

    Args:
        path: The PNG file.
        model: The model.
        batches: How many batches it has been trained for.
        data: The class name of its data set, if known.
    """
    latent = model.latent
    base = latent.sample(stream(model.config.run, "traversal picture"), _COLUMNS)
    rows = []
    for j in range(latent.num_codes):
        images = model.generate(latent.traverse(base, j, _VALUES))
        images = 1 - images if model.config.output_reverse else images
        tiles = shaded(images.reshape(_VALUES, _COLUMNS, *images.shape[1:]))
        tiles = tiles.repeat(_SCALE, axis=1).repeat(_SCALE, axis=2)
        rows.append(sheet.Row(tiles, latent.names[j]))
    low, high = (sheet.number(value) for value in latent.code.sweep(2))
    title = visualize.title_of(model, batches, data)
    about = f"each picture: {_VALUES} images in one, from {low} (dark) to {high} (white)"
    sheet.save(path, sheet.draw([title, about], rows), [title, about])


def _scaled(images: np.ndarray) -> np.ndarray:
    """Return images, each scaled from its minimum and maximum to 0..1."""
    axes = (-3, -2, -1)
    low, high = images.min(axis=axes, keepdims=True), images.max(axis=axes, keepdims=True)
    return (images - low) / np.where(high > low, high - low, 1)
