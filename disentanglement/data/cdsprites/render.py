"""Draw the 1,080 images of CdSprites: a white disc on black, placed by angle and radius.

The disc is Pillow's ellipse in the square of centre +- 5 pixels. Pillow has changed how it draws
ellipses, so images drawn by the paper's code with a Pillow of its time may differ at the rim.
"""

import numpy as np
from PIL import Image, ImageDraw

FACTOR_NAMES = ("angle", "radius")
FACTOR_SIZES = (40, 27)
FACTOR_VALUES = (2 * np.pi * np.arange(40) / 40, np.arange(27.0))  # radians, pixels
SIZE = 64
_DISC = 5  # pixels from the disc's centre to its rim


def render() -> np.ndarray:
    """Return all images, 0 or 1, uint8 [1080, 64, 64]; the radius changes fastest."""
    angles, radii = FACTOR_VALUES
    return np.stack([_disc(angle, radius) for angle in angles for radius in radii])


def _disc(angle: float, radius: float) -> np.ndarray:
    x, y = SIZE / 2 + radius * np.cos(angle), SIZE / 2 + radius * np.sin(angle)
    picture = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(picture).ellipse((x - _DISC, y - _DISC, x + _DISC, y + _DISC), fill=1)
    return np.asarray(picture)
