"""Write files in exactly the formats of the official data sets, of any size.

The images come from functions of factor classes, so that a reader's order can be checked.
"""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
from scipy.io import savemat

_ROWS = 15_000  # images written at a time: a chunk of the HDF5 file


def classes(sizes, numbers):
    """Return the factor classes [n, F] of images in row-major order."""
    return np.stack(np.unravel_index(numbers, sizes), axis=1)


def batches(sizes, rows=_ROWS):
    """Yield the classes of all images, some at a time."""
    count = int(np.prod(sizes))
    for start in range(0, count, rows):
        yield start, classes(sizes, np.arange(start, min(start + rows, count)))


def write_shapes3d(path: Path, sizes, draw, compression="gzip"):
    """Write images and labels as 3dshapes.h5 holds them; draw(classes) gives uint8 [n, 64, 64, 3].

    h5py chooses the chunks, as it did for the official file.
    """
    count = int(np.prod(sizes))
    ranges = [(0, 0.9), (0, 0.9), (0, 0.9), (0.75, 1.25), (0, 3), (-30, 30)]
    with h5py.File(path, "w") as file:
        images = file.create_dataset(
            "images", (count, 64, 64, 3), np.uint8, compression=compression
        )
        labels = file.create_dataset("labels", (count, len(sizes)), np.float64)
        values = [np.linspace(*ends, size) for ends, size in zip(ranges, sizes, strict=True)]
        for start, rows in batches(sizes):
            images[start : start + len(rows)] = draw(rows)
            labels[start : start + len(rows)] = np.stack(
                [value[column] for value, column in zip(values, rows.T, strict=True)], axis=1
            )


def cars_mat(images):
    """Return a car's MATLAB file; images: uint8 [elevation, azimuth, 128, 128, 3]."""
    file = io.BytesIO()
    arrays = {"im": images.transpose(2, 3, 4, 1, 0), "mask": images[..., 0].transpose(2, 3, 1, 0)}
    savemat(file, arrays, do_compression=True)
    return file.getvalue()


def write_cars3d(path: Path, names, mats, listed=None, extra=()):
    """Write an archive like nips2015-analogy-data.tar.gz.

    names: the cars in the order of list.txt, without .mat.
    mats: (name, content) of each car, in the archive's order.
    listed: the content of list.txt, if it is not that of `names`; "" leaves it out.
    extra: (name, content) of members that are added last.
    """
    text = "\n".join(names) + "\n" if listed is None else listed
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:

        def add(name, content):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

        folder = tarfile.TarInfo("data/cars")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in mats:
            add(f"data/cars/{name}.mat", content)
        if text:
            add("data/cars/list.txt", text.encode())
        add("data/shapes48.mat", b"another data set in the same archive")
        for name, content in extra:
            add(name, content)


def matrix_header(magic, shape):
    """Return the header of a binary matrix."""
    dimensions = [*shape, *[1] * (3 - len(shape))]
    return np.array([magic, len(shape), *dimensions], "<u4").tobytes()


def write_smallnorb(folder: Path, sizes, draw, suffix=".mat.gz"):
    """Write the six files of SmallNORB, in the random order that they have.

    sizes: of category, instance, elevation, azimuth, lighting; the first half of the instances is
    written as the test set, the second as the training set.
    draw(classes): uint8 [n, 2, 96, 96].
    """
    everything = classes(sizes, np.arange(np.prod(sizes)))
    is_test = everything[:, 1] < sizes[1] // 2
    opened = gzip.open if suffix.endswith(".gz") else open
    parts = (
        ("5x46789x9x18x6x2x96x96-training", ~is_test),
        ("5x01235x9x18x6x2x96x96-testing", is_test),
    )
    written = []
    for seed, (part, chosen) in enumerate(parts):
        rows = np.random.default_rng(seed).permutation(everything[chosen])
        info = rows[:, 1:] * [1, 1, 2, 1]  # azimuths are 0, 2, 4, ...
        names = {
            kind: folder / f"smallnorb-{part}-{kind}{suffix}" for kind in ("dat", "cat", "info")
        }
        level = {"compresslevel": 1} if opened is gzip.open else {}
        with opened(names["dat"], "wb", **level) as file:
            file.write(matrix_header(0x1E3D4C55, (len(rows), 2, 96, 96)))
            for start in range(0, len(rows), 1000):
                file.write(draw(rows[start : start + 1000]).tobytes())
        for kind, table in (("cat", rows[:, 0]), ("info", info)):
            with opened(names[kind], "wb") as file:
                file.write(matrix_header(0x1E3D4C54, table.shape) + table.astype("<i4").tobytes())
        written.append(rows)
    return np.concatenate(written)


def write_mpi3d(path: Path, sizes, draw, compressed, flat=True):
    """Write an npz file with one array, images; draw(classes) gives uint8 [n, 64, 64, 3]."""
    count = int(np.prod(sizes))
    shape = (count, 64, 64, 3) if flat else (*sizes, 64, 64, 3)
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with (
        zipfile.ZipFile(path, "w", method, compresslevel=1) as archive,
        archive.open("images.npy", "w", force_zip64=True) as file,
    ):
        header = {"shape": shape, "fortran_order": False, "descr": "|u1"}
        np.lib.format.write_array_header_1_0(file, header)
        for _, rows in batches(sizes, 2048):
            file.write(draw(rows).tobytes())
