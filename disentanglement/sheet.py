"""Sheets: rows of small pictures with their captions, in one picture.

They are drawn with Pillow rather than Matplotlib, because a run draws many while it trains.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from disentanglement.files import atomic_path

_MARGIN = 8  # white pixels around everything
_SPACE = 3  # between two tiles
_APART = 8  # more of them above a row that stands apart
_GREY = 140  # of the border of a tile, which is one pixel wide
_TITLE, _TEXT, _SMALL = 13, 11, 9  # sizes of the font
_LINE = 18  # height of a line of the title
_HEADING = 14  # height of the headings above a row
_NARROW = 48  # tiles that are narrower get small headings


@dataclass(frozen=True)
class Row:
    """A row of a sheet.

    Attributes:
        tiles: Its pictures, [n, H, W, 1 or 3], uint8.
        label: The text on their left.
        headings: The text above each tile; none, if empty.
        axis: The text on the left of the headings: what they are.
        apart: Whether to leave more space above the row.
    """

    tiles: np.ndarray
    label: str = ""
    headings: Sequence[str] = ()
    axis: str = ""
    apart: bool = False


def draw(title: Sequence[str], rows: Sequence[Row]) -> Image.Image:
    """Return a picture of rows of equally many tiles, each tile pixel by pixel.

    Args:
        title: Lines of text above the rows.
        rows: From top to bottom.
    """
    texts = [text for row in rows for text in (row.label, row.axis) if text]
    left = _MARGIN + (max(map(_width, texts)) + 2 * _SPACE if texts else 0)
    tops, bottom = [], _MARGIN + _LINE * len(title) + _SPACE
    for row in rows:
        tops.append(bottom + _HEADING * bool(row.headings) + _APART * row.apart)
        bottom = tops[-1] + row.tiles.shape[1] + 2 + _SPACE
    strips = [_strip(row.tiles) for row in rows]
    words = max(_width(line, _TITLE) for line in title)
    width = _MARGIN + max(left + strips[0].shape[1], _MARGIN + words)
    pixels = np.full((bottom - _SPACE + _MARGIN, width, strips[0].shape[2]), 255, np.uint8)
    for strip, top in zip(strips, tops, strict=True):
        pixels[top : top + len(strip), left : left + strip.shape[1]] = strip
    picture = to_image(pixels)
    pen = ImageDraw.Draw(picture)
    for i, line in enumerate(title):
        middle = _MARGIN + _LINE * i + _LINE // 2 - 2
        pen.text((_MARGIN, middle), line, "black", _font(_TITLE), anchor="lm")
    for row, top in zip(rows, tops, strict=True):
        _write_captions(pen, row, left, top)
    return picture


def number(value: float) -> str:
    """Return a value as headings show it: two digits, and never "-0"."""
    return f"{value + 0.0:.2g}"


def to_image(pixels: np.ndarray) -> Image.Image:
    """Return pixels [H, W, 1 or 3], uint8, as a picture."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def save(path: Path, picture: Image.Image, title: Sequence[str]) -> None:
    """Write a PNG file whose entry "Description" is the title, to identify a lone file."""
    with atomic_path(path) as temporary:
        picture.save(temporary, "PNG", pnginfo=description(title))


def description(title: Sequence[str]) -> PngInfo:
    """Return the entry "Description" of a PNG file: the lines of its title."""
    info = PngInfo()
    info.add_text("Description", "; ".join(title))
    return info


def _strip(tiles: np.ndarray) -> np.ndarray:
    """Return tiles [n, H, W, C] side by side, each in its border: [H + 2, width, C]."""
    n, height, width, channels = tiles.shape
    strip = np.full((height + 2, n, width + 2 + _SPACE, channels), 255, np.uint8)
    strip[:, :, : width + 2] = _GREY
    strip[1:-1, :, 1 : width + 1] = tiles.transpose(1, 0, 2, 3)
    return strip.reshape(height + 2, -1, channels)[:, :-_SPACE]


def _write_captions(pen: ImageDraw.ImageDraw, row: Row, left: int, top: int) -> None:
    """Write the label and the headings of a row whose first tile is at (left, top)."""
    n, height, width, _ = row.tiles.shape
    beside, above = left - 2 * _SPACE, top - _HEADING // 2 - 1
    pen.text((beside, top + height // 2), row.label, "black", _font(_TEXT), anchor="rm")
    if not row.headings:
        return
    pen.text((beside, above), row.axis, "black", _font(_TEXT), anchor="rm")
    middles = left + 1 + width / 2 + (width + 2 + _SPACE) * np.arange(n)
    font = _font(_SMALL if width < _NARROW else _TEXT)
    for middle, text in zip(middles, row.headings, strict=True):
        pen.text((middle, above), text, "black", font, anchor="mm")


def _width(text: str, size: int = _TEXT) -> int:
    return int(np.ceil(_font(size).getlength(text)))


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
