"""dSprites in colour, before noise, and before a picture (Locatello et al. 2019).

The backgrounds and colours are made for each batch, inside the compiled step, from the sprites at 1
bit a pixel. disentanglement_lib draws them anew each time it reads an image. Here they are a
function of the image's number: a run can be repeated and resumed exactly, on either engine, and an
image is the same for training, for metrics and in pictures.
"""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from disentanglement.data.dsprites.dataset import DSprites
from disentanglement.data.dsprites.hashing import uniform
from disentanglement.data.dsprites.render import SIZE
from disentanglement.errors import UserError, from_os_error

_NUMBER = 3  # bytes for an image's number, behind its pixels
_BITS = SIZE * SIZE // 8  # bytes of pixels
_CHUNK = 65_536  # images copied at a time
_BOX = (350, 274)  # a picture is shrunk to fit into it, as in disentanglement_lib
_BAD_PICTURES = (SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


class DSpritesVariant(DSprites):
    """All 737,280 sprites, with something else drawn from each image's number.

    Args:
        bits: The packed sprites, uint8 [737280, 512]; see `DSprites`.
        mark: What else decides the images. It is a part of every packed row, so that a run does not
            resume on other images.
    """

    image_shape = (SIZE, SIZE, 3)

    def __init__(self, bits: np.ndarray, mark: bytes = b""):
        super().__init__(bits)
        self._packed = np.empty((len(bits), _BITS + _NUMBER + len(mark)), np.uint8)
        for start in range(0, len(bits), _CHUNK):
            self._packed[start : start + _CHUNK, :_BITS] = bits[start : start + _CHUNK]
        numbers = np.arange(len(bits), dtype=np.int32)[:, None]
        self._packed[:, _BITS : _BITS + _NUMBER] = numbers >> [0, 8, 16] & 255
        self._packed[:, _BITS + _NUMBER :] = np.frombuffer(mark, np.uint8)
        self.bits = self._packed[:, :_BITS]  # the original need not stay in memory

    @property
    def packed(self) -> np.ndarray:
        """The packed sprites, their numbers and the mark, uint8 [737280, 515 + m]; see `unpack`."""
        return self._packed

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """Return the images [n, 64, 64, 3] with these numbers [n], float32 in [0, 1]."""
        return self.paint(np, super().images(numbers), np.asarray(numbers).astype(np.uint32))

    def unpack(self, rows: Any) -> Any:
        """Return the images of rows of `packed`, computed with `keras.ops`."""
        from keras import ops  # the data alone needs no Keras

        places = np.array([1, 1 << 8, 1 << 16], np.int32)
        numbers = ops.sum(ops.cast(rows[:, _BITS : _BITS + _NUMBER], "int32") * places, axis=1)
        return self.paint(ops, super().unpack(rows[:, :_BITS]), ops.cast(numbers, "uint32"))

    def paint(self, ops: Any, sprites: Any, numbers: Any) -> Any:
        """Return the images [n, 64, 64, 3] of sprites [n, 64, 64, 1] with these numbers [n].

        Args:
            ops: NumPy or `keras.ops`; both give the same images.
            sprites: float32, 0 or 1.
            numbers: uint32.
        """
        raise NotImplementedError


class ColorDSprites(DSpritesVariant):
    """Sprites in a random colour, each channel in [0.5, 1), on black."""

    def paint(self, ops: Any, sprites: Any, numbers: Any) -> Any:
        color = 0.5 + 0.5 * uniform(ops, numbers, 3, "color")
        return sprites * ops.reshape(color, (-1, 1, 1, 3))


class NoisyDSprites(DSpritesVariant):
    """White sprites before noise, uniform in [0, 1) and independent in every pixel and channel."""

    def paint(self, ops: Any, sprites: Any, numbers: Any) -> Any:
        noise = uniform(ops, numbers, SIZE * SIZE * 3, "noise")
        return ops.maximum(sprites, ops.reshape(noise, (-1, SIZE, SIZE, 3)))


class ScreamDSprites(DSpritesVariant):
    """Sprites before a random part of a picture, whose colours they invert.

    The part's colours are averaged with a random colour, uniform in [0, 1) in each channel.

    Args:
        bits: The packed sprites, uint8 [737280, 512].
        picture: uint8 [H, W, 3], at least 64 by 64; see `read_picture`.
    """

    def __init__(self, bits: np.ndarray, picture: np.ndarray):
        super().__init__(bits, zlib.crc32(picture.tobytes()).to_bytes(4, "little"))
        self.picture = picture

    def paint(self, ops: Any, sprites: Any, numbers: Any) -> Any:
        height, width, _ = self.picture.shape
        colors = self.picture.reshape(-1, 3).astype(np.float32) / np.float32(255)
        drawn = uniform(ops, numbers, 5, "scream")
        # Of a float32 below 1, so that the product stays below the number of places.
        top = _floor(ops, drawn[:, 0] * (height - SIZE + 1))
        left = _floor(ops, drawn[:, 1] * (width - SIZE + 1))
        inside = np.arange(SIZE)[:, None] * width + np.arange(SIZE)
        first = ops.reshape(top * width + left, (-1, 1, 1))
        part = ops.take(colors, first + inside.astype(np.int32), axis=0)
        background = (part + ops.reshape(drawn[:, 2:], (-1, 1, 1, 3))) / 2
        return ops.where(sprites > 0, 1 - background, background)


VARIANTS: dict[str, type[DSpritesVariant]] = {
    "color_dsprites": ColorDSprites,
    "noisy_dsprites": NoisyDSprites,
    "scream_dsprites": ScreamDSprites,
}


def read_picture(path: Path) -> np.ndarray:
    """Read the picture for `ScreamDSprites`, shrunk to fit into 350x274: uint8 [H, W, 3].

    Raises:
        UserError: It cannot be read, or is smaller than 64 pixels after that.
    """
    try:
        with Image.open(path) as opened:
            if opened.mode[0] in "IF":
                raise UserError(f"{path}: has 16 or more bits a channel: save it with 8 bits")
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except UnidentifiedImageError:
        raise UserError(f"{path}: not a picture that Pillow can read: name another") from None
    except OSError as error:
        if error.errno is not None:
            raise from_os_error(error, path) from error
        raise UserError(f"{path}: damaged ({error}): name another picture") from error
    except _BAD_PICTURES as error:
        raise UserError(f"{path}: damaged ({error}): name another picture") from error
    image.thumbnail(_BOX)
    if min(image.size) < SIZE:
        raise UserError(
            f"{path}: is {image.size[0]}x{image.size[1]} when it fits into {_BOX[0]}x{_BOX[1]}, "
            f"but the parts taken from it are {SIZE}x{SIZE}: name a larger or less narrow picture"
        )
    return np.asarray(image)


def _floor(ops: Any, values: Any) -> Any:
    floored = ops.floor(values)
    return floored.astype(np.int32) if ops is np else ops.cast(floored, "int32")
