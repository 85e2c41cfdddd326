"""MPI3D (Gondal et al. 2019): images of a robot arm, rendered or photographed; four npz files."""

import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from disentanglement.data import npz
from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.official.cache import IMAGES, cache_of, make_once, open_images
from disentanglement.data.official.reader import Reader, find_first
from disentanglement.errors import UserError

# By the keys that configs use. Where a file has had two names, the newer one comes first.
NAMES = {
    "mpi3d_toy": ("mpi3d_toy.npz", "sim_toy_64x_ordered_without_heldout_factors.npz"),
    "mpi3d_realistic": (
        "mpi3d_realistic.npz",
        "sim_realistic_64x_ordered_without_heldout_factors.npz",
    ),
    "mpi3d_real": ("mpi3d_real.npz",),
    "mpi3d_real_complex": ("real3d_complicated_shapes_ordered.npz",),
}
MD5 = {
    "mpi3d_toy.npz": "55889cb7c7dfc655d6e0277beee88868",
    "mpi3d_realistic.npz": "59a6225b88b635365f70c91b3e52f70f",
    "mpi3d_real.npz": "0f33f609918fb5c97996692f91129802",
}
FACTOR_NAMES = (
    "object_color",
    "object_shape",
    "object_size",
    "camera_height",
    "background_color",
    "horizontal_axis",
    "vertical_axis",
)
CONTINUOUS = (False, False, True, True, False, True, True)
# Which of them a file holds is told from the number of its images.
GRIDS = ((6, 6, 2, 3, 3, 40, 40), (4, 4, 2, 3, 3, 40, 40))
SHAPE = (64, 64, 3)
_ROWS = 2048  # images read at a time: 25 MB
_ADVICE = "download it again"


def find(folder: Path, names: tuple[str, ...] = sum(NAMES.values(), ())) -> Path | None:
    """Return the first of these files that the folder holds, None if it holds none."""
    return find_first(folder, names)


def load(path: Path, say: Callable[[str], None] = print) -> ImageArrays:
    """Load an official npz file.

    A compressed file is unpacked the first time, into a cache beside it (12.7 or 5.7 GB). One that
    is not compressed is checked the first time, and is itself the memory map.

    Raises:
        UserError: The file is damaged, or is not MPI3D.
    """
    beside = cache_of(path)
    with npz.open_npz(path, _ADVICE) as archive:
        sizes = _grid(path, archive)
        mapped = npz.map_array(path, IMAGES)
    shape = (int(np.prod(sizes)), *SHAPE)
    if mapped is None:
        chunks = lambda: _chunks(path, shape)  # noqa: E731
        images = open_images(beside, [path], shape, chunks, say, MD5)
    else:

        def check(_: zipfile.ZipFile) -> None:
            say(f"checking {path} once ({path.stat().st_size / 1e9:.2f} GB)")
            npz.verify(path, _ADVICE)

        make_once(beside, [path], 0, check, say, MD5)
        images = mapped.reshape(shape)
    key = next((key for key, names in NAMES.items() if path.name in names), "mpi3d")
    return ImageArrays(
        name=LABELS.get(key, "MPI3D"),
        images=images,
        factor_names=FACTOR_NAMES,
        continuous=CONTINUOUS,
        factor_sizes=sizes,
    )


def _grid(path: Path, archive: zipfile.ZipFile) -> tuple[int, ...]:
    """Return the sizes of the factors in a file, after checking its images' shape and type."""
    if f"{IMAGES}.npy" not in archive.namelist():
        raise UserError(f"{path}: there is no array '{IMAGES}': is it an MPI3D file?")
    with npz.open_array(archive, IMAGES) as array:
        for sizes in GRIDS:
            shapes = ((np.prod(sizes), *SHAPE), (*sizes, *SHAPE))  # flat, or an axis for a factor
            if array.shape in shapes and array.dtype == np.uint8:
                return sizes
        counts = " or ".join(f"{np.prod(sizes):,}" for sizes in GRIDS)
        raise UserError(
            f"{path}: 'images' is {array.dtype} {array.shape}, but MPI3D has uint8 images "
            f"{SHAPE}, {counts} of them: is it an MPI3D file?"
        )


def _chunks(path: Path, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    with npz.open_npz(path, _ADVICE) as archive, npz.open_array(archive, IMAGES) as array:
        for _, chunk in array._replace(shape=shape).chunks(_ROWS):
            yield chunk


LABELS = {
    "mpi3d_toy": "MPI3D toy",
    "mpi3d_realistic": "MPI3D realistic",
    "mpi3d_real": "MPI3D real",
    "mpi3d_real_complex": "MPI3D real, complex shapes",
}
READERS = {
    key: Reader(
        label=LABELS[key],
        files=names,
        source="https://github.com/rr-learning/disentanglement_dataset",
        licence="CC BY 4.0",
        images=int(np.prod(GRIDS[key == "mpi3d_real_complex"])),
        image_shape=SHAPE,
        find=partial(find, names=names),
        load=load,
    )
    for key, names in NAMES.items()
}
