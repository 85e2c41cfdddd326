"""npz files in pieces: no array need be in memory whole, and nothing in them is ever unpickled."""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from disentanglement.errors import UserError

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    NotImplementedError,
)
_DENSEST = 1100  # deflate makes things so many times smaller at best
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal arrays give equal bytes, whenever they are written


class Member(NamedTuple):
    """An array of an npz file, open at its first value. `path` and `name` are for messages."""

    path: Path
    name: str
    file: IO[bytes]
    shape: tuple[int, ...]
    dtype: np.dtype

    def read(self, rows: int) -> np.ndarray:
        """The next rows of the array. Raises EOFError where the file ends before."""
        shape = (rows, *self.shape[1:])
        size = int(np.prod(shape)) * self.dtype.itemsize
        content = self.file.read(size)
        if len(content) != size:
            raise EOFError(f"array '{self.name}' is cut off")
        return np.frombuffer(content, self.dtype).reshape(shape)

    def empty(self, dtype) -> np.ndarray:
        """Room for the whole array. Raises ValueError where the file is too short to fill it."""
        need = int(np.prod(self.shape, dtype=float)) * self.dtype.itemsize
        if need > _DENSEST * self.path.stat().st_size:
            raise ValueError(f"array '{self.name}' {self.shape} is larger than the file can hold")
        return np.empty(self.shape, dtype)

    def pieces(self, rows: int):
        """(start, piece) of the array, at most so many rows each; then compares the checksum."""
        for start in range(0, self.shape[0], rows):
            yield start, self.read(min(rows, self.shape[0] - start))
        self.file.read()


@contextlib.contextmanager
def opened(path: Path, advice: str):
    """An npz file to read; damage that shows in the block is a UserError, ending in `advice`."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DAMAGE as error:
        raise UserError(f"{path}: damaged or not what it should be ({error}): {advice}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_in_pieces(path: Path, name: str, rows: int, advice: str) -> Iterator[np.ndarray]:
    """The array `name` of a file, at most so many rows at a time; for `advice` see `opened`.

    What goes wrong where the pieces are used is not taken for damage of this file.
    """
    with opened(path, advice) as archive, member(archive, name) as array:
        for _, piece in array.pieces(rows):
            yield piece


@contextlib.contextmanager
def member(archive: zipfile.ZipFile, name: str):
    """The array `name` of an open npz file. Raises KeyError, ValueError where it is not one."""
    with archive.open(f"{name}.npy") as file:
        shape, dtype = read_header(file, name)
        yield Member(Path(archive.filename), name, file, shape, dtype)


def read_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the npy stream that begins here. Raises ValueError if it is of objects."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
        version, np.lib.format.read_array_header_2_0
    )
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise ValueError(f"'{name}' holds objects (a pickle), which are never opened")
    if fortran:
        raise ValueError(f"'{name}' is stored in Fortran order")
    return shape, dtype


@contextlib.contextmanager
def new_member(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype):
    """A stream for the values of a new array `name`, in C order."""
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    info.compress_type = archive.compression
    with archive.open(info, "w", force_zip64=True) as file:
        header = {"shape": shape, "fortran_order": False, "descr": np.dtype(dtype).str}
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def add(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """Write a whole array into an npz file that is being made."""
    with new_member(archive, name, array.shape, array.dtype) as file:
        file.write(np.ascontiguousarray(array).tobytes())
