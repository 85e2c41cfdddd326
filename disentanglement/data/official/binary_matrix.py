"""The binary matrices of NORB, gzipped or not: a magic number, the dimensions, the values.

The format is described at https://cs.nyu.edu/~ylclab/data/norb-v1.0/ ; all numbers are
little-endian.
"""

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from disentanglement.errors import UserError

BYTES, INTEGERS = 0x1E3D4C55, 0x1E3D4C54
_TYPES: dict[int, np.dtype] = {BYTES: np.dtype("u1"), INTEGERS: np.dtype("<i4")}
_STORED_DIMENSIONS = 3  # at least: a vector has dimensions (n, 1, 1)
_ADVICE = "download it again"


def read(path: Path, magic: int, shape: tuple[int, ...], rows: int) -> Iterator[np.ndarray]:
    """Yield the matrix in pieces of at most `rows` rows, then compare the checksum.

    Args:
        path: The file; gzipped if its name ends in .gz.
        magic: Which type it must have, `BYTES` or `INTEGERS`.
        shape: Which shape it must have.
        rows: How many rows a piece has.

    Raises:
        UserError: The file is damaged, or has another type or shape.
    """
    with _open(path) as file:
        _check_header(path, file, magic, shape)
        dtype = _TYPES[magic]
        for start in range(0, shape[0], rows):
            piece = (min(rows, shape[0] - start), *shape[1:])
            content = _read(file, int(np.prod(piece)) * dtype.itemsize)
            yield np.frombuffer(content, dtype).reshape(piece)
        if file.read(1):  # and gzip compares the checksum at the end
            raise ValueError("there is more in it than its dimensions say")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(f"{path}: damaged or cut off ({error}): {_ADVICE}") from error


def _check_header(path: Path, file: IO[bytes], magic: int, shape: tuple[int, ...]) -> None:
    found, dimensions = np.frombuffer(_read(file, 8), "<u4").tolist()
    if found != magic:
        raise UserError(
            f"{path}: begins with 0x{found:08X}, not 0x{magic:08X}, so it is not the official "
            f"file: {_ADVICE}"
        )
    if dimensions != len(shape):
        raise UserError(
            f"{path}: has {dimensions} dimensions, but SmallNORB has {len(shape)} there: {_ADVICE}"
        )
    sizes = np.frombuffer(_read(file, 4 * max(dimensions, _STORED_DIMENSIONS)), "<i4").tolist()
    if tuple(sizes[:dimensions]) != shape:
        raise UserError(
            f"{path}: has the shape {tuple(sizes[:dimensions])}, but SmallNORB has {shape} there: "
            f"{_ADVICE}"
        )


def _read(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise EOFError("it ends too early")
    return content
