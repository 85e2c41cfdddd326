"""Read and write npz files piece by piece: arrays need not fit in memory; nothing is unpickled."""

import contextlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from disentanglement.errors import UserError

# What zipfile and NumPy raise when a file is damaged or is something else.
READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    NotImplementedError,
)
_MAX_COMPRESSION = 1100  # deflate does not compress better than about 1030:1
_PIECE = 1 << 20  # bytes
_ENCRYPTED = 1  # a flag of zip members
_LOCAL_LENGTHS = "<26xHH"  # a member's header in the zip file; the lengths of its name and extras
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # fixed, so that equal arrays give equal bytes


class ArrayReader(NamedTuple):
    """An array stored in a file, open at its first value; `path` and `name` are for messages."""

    path: Path
    name: str
    file: IO[bytes]
    shape: tuple[int, ...]
    dtype: np.dtype

    def read(self, rows: int) -> np.ndarray:
        """Return the next `rows` rows. Raises EOFError if the file ends before that."""
        shape = (rows, *self.shape[1:])
        size = int(np.prod(shape)) * self.dtype.itemsize
        content = self.file.read(size)
        if len(content) != size:
            raise EOFError(f"array '{self.name}' is cut off")
        return np.frombuffer(content, self.dtype).reshape(shape)

    def allocate(self, dtype: DTypeLike) -> np.ndarray:
        """Return an uninitialised array of this shape; ValueError if the file cannot fill it."""
        need = int(np.prod(self.shape, dtype=float)) * self.dtype.itemsize
        if need > _MAX_COMPRESSION * self.path.stat().st_size:
            raise ValueError(f"array '{self.name}' {self.shape} is larger than the file can hold")
        return np.empty(self.shape, dtype)

    def chunks(self, rows: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, chunk) for chunks of at most `rows` rows, then verify the checksum."""
        for start in range(0, self.shape[0], rows):
            yield start, self.read(min(rows, self.shape[0] - start))
        self.file.read()  # zipfile compares the checksum at the end of the file


@contextlib.contextmanager
def open_npz(path: Path, advice: str) -> Iterator[zipfile.ZipFile]:
    """Open an npz file for reading.

    Raises:
        UserError: The file cannot be opened, or the block finds it damaged; the message then ends
            with `advice`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except READ_ERRORS as error:
        raise UserError(f"{path}: damaged or in the wrong format ({error}): {advice}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_chunks(path: Path, name: str, rows: int, advice: str) -> Iterator[np.ndarray]:
    """Yield the array `name` of a file, at most `rows` rows at a time; for `advice` see `open_npz`.

    An error in the code that uses the chunks is not mistaken for damage to this file.
    """
    with open_npz(path, advice) as archive, open_array(archive, name) as array:
        for _, chunk in array.chunks(rows):
            yield chunk


def verify(path: Path, advice: str) -> None:
    """Read a whole file and compare its checksums. Raises UserError as `open_npz` does."""
    with open_npz(path, advice) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                while file.read(_PIECE):  # zipfile compares the checksum at the end
                    pass


@contextlib.contextmanager
def open_array(archive: zipfile.ZipFile, name: str) -> Iterator[ArrayReader]:
    """Open the array `name` of an npz file. Raises KeyError if absent, ValueError if no array."""
    assert archive.filename, "opened from a path"
    with archive.open(f"{name}.npy") as file:
        shape, dtype = read_header(file, name)
        yield ArrayReader(Path(archive.filename), name, file, shape, dtype)


def map_array(path: Path, name: str) -> np.ndarray | None:
    """Return an array of an npz file as a read-only memory map; None if it is compressed.

    Raises:
        KeyError: There is no such array.
        ValueError: It is no array, or the file is too short for it.
    """
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED:
            return None
        with archive.open(info) as member:  # compares the local header with the table of contents
            shape, dtype = read_header(member, name)
            header = member.tell()
    with path.open("rb") as file:
        file.seek(info.header_offset)
        lengths = struct.unpack(_LOCAL_LENGTHS, file.read(struct.calcsize(_LOCAL_LENGTHS)))
    start = info.header_offset + struct.calcsize(_LOCAL_LENGTHS) + sum(lengths) + header
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if header + size != info.file_size or start + size > path.stat().st_size:
        raise ValueError(f"array '{name}' is cut off")
    return np.memmap(path, dtype, "r", start, shape)


def read_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and type of an npy stream. Raises ValueError if it holds objects."""
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
def create_array(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: DTypeLike
) -> Iterator[IO[bytes]]:
    """Add an array `name` to an npz file; yield the stream for its values, in C order."""
    info = zipfile.ZipInfo(f"{name}.npy", _TIMESTAMP)
    info.compress_type = archive.compression
    with archive.open(info, "w", force_zip64=True) as file:
        header = {"shape": shape, "fortran_order": False, "descr": np.dtype(dtype).str}
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def add_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """Add a whole array to an npz file that is being written."""
    with create_array(archive, name, array.shape, array.dtype) as file:
        file.write(np.ascontiguousarray(array).tobytes())
