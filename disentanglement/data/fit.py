"""Fit images to an experiment's networks: their size, their channels, the range of their pixels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from disentanglement.data import npz
from disentanglement.errors import UserError

_CHUNK = 4096  # images converted at a time
_LUMA = np.array([299, 587, 114])  # thousandths of red, green and blue (ITU-R 601)
RESAMPLING = Image.Resampling.BICUBIC  # Pillow's, which averages over what it makes smaller


@dataclass(frozen=True)
class ImageFormat:
    """What an experiment's networks take.

    Attributes:
        size: Height and width.
        channels: The numbers of channels that they can be built for.
        low: The value that they see of a black pixel.
        high: The value that they see of a white one.
    """

    size: int = 64
    channels: tuple[int, ...] = (1, 3)
    low: float = 0.0
    high: float = 1.0

    def shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the shape (H, W, C) in which images of `shape` are seen."""
        channels = shape[-1] if shape[-1] in self.channels else self.channels[-1]
        return self.size, self.size, channels

    def changes(self, shape: tuple[int, ...]) -> str:
        """Return in words what `fitted` does to images of this shape; '' if it does nothing."""
        height, width, channels = self.shape(shape)
        done = []
        if shape[:2] != (height, width):
            done.append(f"resized from {shape[1]}x{shape[0]} to {width}x{height}")
        if shape[2] != channels:
            done.append("shown in grey" if channels == 1 else "repeated in three channels")
        return " and ".join(done)


def check_shape(shape: tuple[int, ...], where: object) -> None:
    """Raise UserError unless images of this shape (H, W, C) can be fitted to networks."""
    if len(shape) != 3 or shape[0] != shape[1] or shape[2] not in (1, 3) or not shape[0]:
        raise UserError(
            f"{where}: images are {' x '.join(map(str, shape))}: must be square, with 1 or 3 "
            "channels: run python -m disentanglement.data prepare on them"
        )


def fitted(images: np.ndarray, form: ImageFormat) -> np.ndarray:
    """Return images [n, H, W, C], uint8, in the size and the channels of a format."""
    size, _, channels = form.shape(images.shape[1:])
    if images.shape[1:3] != (size, size):
        images = np.stack([resized(image, size) for image in images])
    if channels > images.shape[-1]:
        images = np.repeat(images, channels, axis=-1)
    elif channels < images.shape[-1]:
        images = ((images @ _LUMA + 500) // 1000).astype(np.uint8)[..., None]
    return images


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """Return an image [H, W, 1 or 3], uint8, as [size, size, 1 or 3]."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return np.asarray(picture.resize((size, size), RESAMPLING)).reshape(size, size, -1)


def fit_all(
    images: np.ndarray, form: ImageFormat, name: str, say: Callable[[str], None]
) -> np.ndarray:
    """Return all images of a set in a format, and say so; those that fit are returned as they are.

    Args:
        images: uint8 [N, H, W, C]; may be a memory map, which is read in parts.
        form: The format.
        name: What the set is called.
        say: Called with a line for the user.
    """
    changes = form.changes(images.shape[1:])
    if not changes:
        return images
    say(f"note: the images of {name} are {changes}")
    found = np.empty((len(images), *form.shape(images.shape[1:])), np.uint8)
    for start in range(0, len(images), _CHUNK):
        found[start : start + _CHUNK] = fitted(np.asarray(images[start : start + _CHUNK]), form)
    return found


def as_bytes(array: npz.ArrayReader, chunk: np.ndarray) -> np.ndarray:
    """Return pixels of a file as uint8; booleans and floats in [0, 1] become 0 to 255.

    Raises:
        UserError: They have another type or other values.
    """
    if chunk.dtype == np.uint8:
        return chunk
    if chunk.dtype == bool:
        return chunk.astype(np.uint8) * np.uint8(255)
    if chunk.dtype.kind != "f":
        raise UserError(f"{array.path}: imgs are {chunk.dtype}: must be uint8, or floats in [0, 1]")
    if not (chunk.min() >= 0 and chunk.max() <= 1):  # NaN too
        raise UserError(
            f"{array.path}: imgs hold values outside [0, 1]: must be uint8, or floats in [0, 1]"
        )
    return np.rint(chunk * 255).astype(np.uint8)
