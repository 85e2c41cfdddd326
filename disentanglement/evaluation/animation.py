"""Animated traversals: the value of a code goes from its smallest to its largest, and back."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from disentanglement import sheet
from disentanglement.training import visualize

_SCALE = 2  # pixels of the picture for one of the image, in a GIF


def save_gif(
    path: Path,
    rows: Sequence[np.ndarray],
    labels: Sequence[str],
    values: np.ndarray,
    title: str,
) -> None:
    """Write an animated GIF: a tile per code. The title is also its comment.

    Args:
        path: The file.
        rows: The images of each code, [values, H, W, C].
        labels: The text above each tile.
        values: Those of the codes, one for each frame.
        title: Above the tiles.
    """
    tiles = visualize.to_bytes(np.stack(rows, axis=1))  # [values, codes, H, W, C]
    tiles = tiles.repeat(_SCALE, axis=2).repeat(_SCALE, axis=3)
    frames = [
        sheet.draw([title, f"value of the code: {value:+.2f}"], [sheet.Row(row, headings=labels)])
        for row, value in zip(tiles, values, strict=True)
    ]
    visualize.save_animation(path, _equally_wide(frames), comment=title.encode())


def save_webp(path: Path, images: np.ndarray, name: str, values: np.ndarray, title: str) -> None:
    """Write an animated WebP: a grid of tiles, in all of which the same latent moves.

    Args:
        path: The file.
        images: [n^2, values, H, W, C], for n rows of n tiles.
        name: The latent's name.
        values: Those of the latent, one for each frame.
        title: Above the tiles.
    """
    side = math.isqrt(len(images))
    tiles = visualize.to_bytes(images).swapaxes(0, 1)  # scales all frames alike
    tiles = tiles.reshape(len(values), side, side, *images.shape[2:])
    frames = [
        sheet.draw([title, f"{name}: {value:+.2f}"], [sheet.Row(row) for row in grid])
        for grid, value in zip(tiles, values, strict=True)
    ]
    visualize.save_animation(path, _equally_wide(frames), lossless=True)


def _equally_wide(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """Return frames with white added on the right: a text can be wider than the tiles below it."""
    width = max(frame.width for frame in frames)
    return [ImageOps.expand(frame, (0, 0, width - frame.width, 0), "white") for frame in frames]
