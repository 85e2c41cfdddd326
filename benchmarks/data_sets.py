"""Measure the time and memory that opening the standard data sets takes.

    python -m benchmarks.data_sets [--folder DIR] [NAME ...]    (about half an hour, 35 GB of disk)

Files of the official sizes and formats, with drawn pictures, are written to a temporary folder and
deleted again, one set at a time. Each set is opened twice in fresh processes: the first time its
cache is made, the second time it is mapped and 1,000 random images are read. Peak memory is that
above the process before it opens the file. `--preview FILE.png` only draws some pictures.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from disentanglement.data import official
from disentanglement.data.official import cars3d, mpi3d, shapes3d, smallnorb
from tests import official_files as write

_GRID = np.mgrid[0:128, 0:128].astype(np.float32)
_PALETTE = np.random.default_rng(0).integers(40, 256, (200, 3), dtype=np.uint8)
_PALETTE[:10] = [
    [255, 0, 0], [255, 153, 0], [204, 255, 0], [51, 255, 0], [0, 255, 102],
    [0, 255, 255], [0, 102, 255], [51, 0, 255], [204, 0, 255], [255, 0, 153],
]  # fmt: skip


def masks(kinds, sizes, places, side):
    """Return masks [n, side, side] of discs, squares and so on: what stands where, how large."""
    y, x = (axis[:side, :side] / side for axis in _GRID)
    dy, dx = np.abs(y - places[:, 0, None, None]), np.abs(x - places[:, 1, None, None])
    power = np.array([1, 2, 4, 20, 0.7, 1.4])[kinds % 6][:, None, None]
    return dy**power + dx**power < sizes[:, None, None] ** power


def draw_shapes3d(rows):
    floor, wall, hue, scale, shape, turn = rows.T
    places = np.stack([np.full(len(rows), 0.55), 0.35 + 0.02 * turn], axis=1)
    inside = masks(shape, 0.1 + 0.015 * scale, places, 64)[..., None]
    images = np.empty((len(rows), 64, 64, 3), np.uint8)
    images[:, :32] = _PALETTE[wall][:, None, None]
    images[:, 32:] = _PALETTE[floor][:, None, None] // 2
    np.copyto(images, _PALETTE[hue][:, None, None], where=inside)
    return images


def draw_mpi3d(rows):
    color, shape, size, height, background, first, second = rows.T
    places = np.stack([0.2 + 0.015 * second, 0.2 + 0.015 * first], axis=1)
    inside = masks(shape, 0.08 + 0.05 * size, places, 64)[..., None]
    images = np.empty((len(rows), 64, 64, 3), np.uint8)
    images[:] = _PALETTE[20 + background][:, None, None] // 3
    images[:, 60:] = (40 * height)[:, None, None, None]
    np.copyto(images, _PALETTE[color][:, None, None], where=inside)
    return images


def draw_car(number):
    """Return a car's images, uint8 [elevation, azimuth, 128, 128, 3]."""
    elevation, azimuth = np.indices((4, 24)).reshape(2, -1)
    angle = azimuth * 2 * np.pi / 24
    places = np.stack([0.4 + 0.06 * elevation, 0.5 + 0.2 * np.sin(angle)], axis=1)
    inside = masks(np.full(96, number), 0.2 + 0.05 * np.cos(angle), places, 128)
    shade = (255 - _GRID[0]).astype(np.uint8)  # as on a real car, no flat colours
    images = np.where(inside[..., None], _PALETTE[number] // 255 * shade[..., None], 255)
    images = np.where(inside[..., None], images // 2 + _PALETTE[number] // 2, images)
    return images.reshape(4, 24, 128, 128, 3).astype(np.uint8)


def draw_toys(rows):
    category, instance, elevation, azimuth, lighting = rows.T
    angle = azimuth * 2 * np.pi / 18
    places = np.stack([0.4 + 0.03 * elevation, 0.5 + 0.15 * np.sin(angle)], axis=1)
    inside = masks(category, 0.15 + 0.015 * instance, places, 96)
    light = np.where(inside, 30 + 20 * lighting[:, None, None], 120 + 20 * lighting[:, None, None])
    noise = np.random.default_rng(0).integers(0, 12, (2, 96, 96))  # a photograph's
    return (light[:, None] + noise).astype(np.uint8)


def write_shapes3d(folder):
    write.write_shapes3d(folder / shapes3d.FILES[0], shapes3d.FACTOR_SIZES, draw_shapes3d)


def write_cars3d(folder):
    names = [f"car_{n:03d}_mesh" for n in range(1, 184)]
    mats = ((name, write.cars_mat(draw_car(n))) for n, name in enumerate(names))
    write.write_cars3d(folder / cars3d.FILES[0], names, mats)


def write_smallnorb(folder):
    write.write_smallnorb(folder, smallnorb.SIZES, draw_toys)


def write_mpi3d(name, grid, compressed):
    def make(folder):
        write.write_mpi3d(folder / mpi3d.NAMES[name][0], mpi3d.GRIDS[grid], draw_mpi3d, compressed)

    return make


SETS = {
    "shapes3d": ("shapes3d", write_shapes3d),
    "cars3d": ("cars3d", write_cars3d),
    "smallnorb": ("smallnorb", write_smallnorb),
    "mpi3d_real_complex": ("mpi3d_real_complex", write_mpi3d("mpi3d_real_complex", 1, True)),
    "mpi3d_toy": ("mpi3d_toy", write_mpi3d("mpi3d_toy", 0, True)),
    "mpi3d_toy, not compressed": ("mpi3d_toy", write_mpi3d("mpi3d_toy", 0, False)),
}


def open_one(name, folder):
    """Open a set in this process and print what that took, as JSON."""
    reader = official.READERS[name]
    before, start = peak(), time.perf_counter()
    loaded = reader.load(reader.find(folder), lambda line: None)
    opened, memory = time.perf_counter() - start, peak() - before
    numbers = np.random.default_rng(0).integers(len(loaded.images), size=1000)
    start = time.perf_counter()
    checksum = int(np.asarray(loaded.images[np.sort(numbers)]).astype(np.int64).sum())
    read = time.perf_counter() - start
    found = {"opened": opened, "memory": memory, "read": read, "bytes": loaded.images.nbytes}
    print(json.dumps(found | {"images": len(loaded.images), "checksum": checksum}))


def measure(title, folder):
    name, make = SETS[title]
    start = time.perf_counter()
    make(folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(
        f"{title}: {size / 1e9:.2f} GB written in {time.perf_counter() - start:.0f} s", flush=True
    )
    words = [sys.executable, "-m", "benchmarks.data_sets", "--one", name, "--folder", folder]
    first, again = (json.loads(subprocess.check_output(words)) for _ in range(2))
    assert first["checksum"] == again["checksum"]
    everything = sum(path.stat().st_size for path in folder.iterdir())
    print(
        f"  {first['images']:,} images, {first['bytes'] / 1e9:.2f} GB unpacked; opened in "
        f"{first['opened']:.1f} s with {first['memory'] / 1e6:.0f} MB more memory "
        f"({first['memory'] / first['bytes']:.2f} of the images); cache "
        f"{(everything - size) / 1e9:.2f} GB; opened again in {again['opened']:.3f} s with "
        f"{again['memory'] / 1e6:.0f} MB; 1,000 random images read in {again['read']:.2f} s",
        flush=True,
    )


def peak():
    """Return this process's peak memory in bytes; getrusage would give its parent's, if larger."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) * 1024


def preview(path):
    """Draw random images of each set in a row."""
    rng, rows = np.random.default_rng(0), []
    for draw, sizes in (
        (draw_shapes3d, shapes3d.FACTOR_SIZES),
        (draw_mpi3d, mpi3d.GRIDS[0]),
        (draw_toys, smallnorb.SIZES),
    ):
        images = draw(np.stack([rng.integers(size, size=12) for size in sizes], axis=1))
        if images.ndim == 4 and images.shape[1] == 2:
            images = np.repeat(images[:, 0, ..., None], 3, axis=3)
        rows.append(np.concatenate(list(images), axis=1))
    rows.append(np.concatenate([draw_car(n)[n % 4, 3 * n % 24] for n in range(12)], axis=1))
    wide = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 4), (0, wide - row.shape[1]), (0, 0))) for row in rows]
    Image.fromarray(np.concatenate(padded)).save(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", metavar="NAME", help=", ".join(SETS))
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--preview", type=Path, help="draw some pictures instead")
    options = parser.parse_args()
    if options.preview:
        preview(options.preview)
    elif options.one:
        open_one(options.one, options.folder)
    else:
        for title in options.sets or SETS:
            with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
                if shutil.disk_usage(temporary).free < 35e9:
                    sys.exit("35 GB of free disk space are needed: give another --folder")
                measure(title, Path(temporary))
