"""An animated traversal: a tile per code, whose value goes from its smallest to its largest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from disentanglement.training import visualize

_SCALE = 2  # pixels of the picture for one of the image
_SPACE, _TEXT = 6, 22  # pixels between tiles; of the line with their labels


def save_gif(
    path: Path, rows: Sequence[np.ndarray], labels: Sequence[str], comment: str = ""
) -> None:
    """Write an animated GIF that goes through all values and back, for ever.

    Args:
        path: The file.
        rows: The images of each code, [values, H, W, C].
        labels: The text above each tile.
        comment: Stored in the file.
    """
    values = len(rows[0])
    tiles = visualize.grid(_columns(rows), len(rows), values)  # scales all alike
    height, width = tiles.shape[0] // len(rows), tiles.shape[1] // values
    frames = [_frame(tiles[:, i * width : (i + 1) * width], height, labels) for i in range(values)]
    visualize.save_animation(path, frames, comment=comment.encode())


def _columns(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the images in the order of `visualize.grid`: value by value, a row per code."""
    return np.stack(rows, axis=1).reshape(-1, *rows[0].shape[1:])


def _frame(column: np.ndarray, height: int, labels: Sequence[str]) -> Image.Image:
    """Return the tiles of `column` [n * height, W, C] side by side, with their labels above."""
    side, tall = column.shape[1] * _SCALE, height * _SCALE
    mode = "L" if column.shape[2] == 1 else "RGB"
    size = (len(labels) * (side + _SPACE) + _SPACE, _TEXT + tall + _SPACE)
    frame = Image.new(mode, size, "white")
    draw, font = ImageDraw.Draw(frame), ImageFont.load_default(14)
    for i, label in enumerate(labels):
        tile = column[i * height : (i + 1) * height]
        picture = Image.fromarray(tile[..., 0] if mode == "L" else tile)
        left = _SPACE + i * (side + _SPACE)
        frame.paste(picture.resize((side, tall), Image.Resampling.NEAREST), (left, _TEXT))
        draw.text((left + side / 2, _TEXT / 2), label, "black", font, anchor="mm")
    return frame
