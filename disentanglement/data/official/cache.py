"""Unpacked copies of official files: made once, opened in no time as memory maps.

A cache is an npz file that is not compressed. It lies beside its source, so a link to a file in a
folder that is not yours has its cache beside the link.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from disentanglement.console import progress_bar
from disentanglement.data import npz
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import atomic_path, locked

IMAGES = "images"
_ABOUT = "about"
_FORMAT = 1  # increase it when the same files would give other images
_MARGIN = 1 << 20  # bytes of a cache besides its images, at most


def open_images(
    cache: Path,
    sources: Sequence[Path],
    shape: tuple[int, ...],
    chunks: Callable[[], Iterable[np.ndarray]],
    say: Callable[[str], None],
    known: Mapping[str, str],
) -> np.ndarray:
    """Return the images as a memory map of a cache, which is made first if need be.

    Args:
        cache: The npz file; see `make_once` for this and the other arguments.
        sources: The files that the images come from.
        shape: The images' shape [N, H, W, C].
        chunks: Return the images in pieces uint8 [n, H, W, C]; called only to make the cache.
        say: Called with lines for the user.
        known: The MD5 checksums of the official files.
    """

    def fill(archive: zipfile.ZipFile) -> None:
        count = 0
        with (
            npz.create_array(archive, IMAGES, shape, np.uint8) as file,
            progress_bar(shape[0], "images", f"reading {sources[0].name}", passing=True) as bar,
        ):
            for chunk in chunks():
                file.write(np.ascontiguousarray(chunk).data)
                count += len(chunk)
                bar.update(len(chunk))
        assert count == shape[0], "the reader checks what it reads"

    make_once(cache, sources, int(np.prod(shape)), fill, say, known)
    images = npz.map_array(cache, IMAGES)
    assert images is not None, "caches are not compressed"
    return images


def make_once(
    cache: Path,
    sources: Sequence[Path],
    size: int,
    fill: Callable[[zipfile.ZipFile], None],
    say: Callable[[str], None],
    known: Mapping[str, str],
) -> None:
    """Make a cache, unless it was made from these very files.

    Args:
        cache: The npz file. A file whose size or time of change differs from that recorded here has
            changed, and the cache is made again.
        sources: The files that it is made from.
        size: How many bytes `fill` writes, about.
        fill: Write the arrays.
        say: Called with lines for the user: what happens, and of files whose checksum is unusual.
        known: The MD5 checksums of official files by name. Files are compared with them once.

    Raises:
        UserError: `fill` raised it, or the cache cannot be written. Nothing is left behind.
    """
    if _made_from(cache) == _state(sources):
        return
    with locked(cache.parent, wait=True):
        made_from, state = _made_from(cache), _state(sources)
        if made_from == state:  # another process made it meanwhile
            return
        if cache.exists():
            why = "is damaged" if made_from is None else f"is not of this {sources[0].name}"
            say(f"note: {cache} {why}: it is made again")
        _check_room(cache, size)
        if size:
            say(f"reading {sources[0]}; from now on {cache} ({size / 1e9:.2f} GB) opens at once")
        with atomic_path(cache) as temporary:
            with zipfile.ZipFile(temporary, "w") as archive:
                npz.add_array(archive, _ABOUT, np.array([json.dumps(state)]))
                fill(archive)
            _compare_checksums(sources, known, say)


def _state(sources: Sequence[Path]) -> dict[str, Any]:
    """Return what tells these files from others without reading them."""
    files = {}
    for path in sources:
        with os_errors_in_one_line(path):
            stat = path.stat()
        files[path.name] = [stat.st_size, stat.st_mtime_ns]
    return {"format": _FORMAT, "files": files}


def _made_from(cache: Path) -> dict[str, Any] | None:
    """Return the state of the files that a cache was made from; None if it cannot be used."""
    try:
        with zipfile.ZipFile(cache) as archive, npz.open_array(archive, _ABOUT) as array:
            return json.loads(array.read(1).tolist()[0])
    except (OSError, *npz.READ_ERRORS):
        return None


def _check_room(cache: Path, size: int) -> None:
    with os_errors_in_one_line(cache.parent):
        free = shutil.disk_usage(cache.parent).free
    if free < size + _MARGIN:
        raise UserError(
            f"{cache.parent}: an unpacked copy needs {size / 1e9:.1f} GB there, and "
            f"{free / 1e9:.1f} GB are free: free some space, or put a link to the file into a "
            "folder on another disk"
        )


def _compare_checksums(
    sources: Sequence[Path], known: Mapping[str, str], say: Callable[[str], None]
) -> None:
    for path in sources:
        if path.name not in known:
            continue
        with os_errors_in_one_line(path), path.open("rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
        if found != known[path.name]:
            say(
                f"note: {path} differs from the official file (MD5 {found}, not "
                f"{known[path.name]}): scores on it may not compare with those of others"
            )


def cache_of(source: Path) -> Path:
    """Return the path of the cache of a single file."""
    return source.with_name(f"{source.name}.cache.npz")
