"""Making a set of 3D teapots: training images and metric groups, on every core, resumable.

Images are drawn in parts, each a file; a killed run goes on with the parts that are absent. What a
part holds depends on the seed and its number only.
"""

import json
import shutil
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from PIL import Image
from tqdm import tqdm

from disentanglement.data import mesh, npz
from disentanglement.data.teapots_render import SIZE, Renderer
from disentanglement.data.teapots_variants import NUM_IMAGES, VARIANTS, Variant
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import atomic_path, fingerprint, locked, write_text
from disentanglement.streams import stream

TRAIN, METRIC = Path("train_data", "data.npz"), Path("metric_data", "data.npz")
ABOUT = "about.json"
GROUP_SIZE = 100
_PART = 500  # images
_FORMAT = 1  # to be raised when the same options come to give other images


@dataclass(frozen=True)
class Order:
    """What to make. train: training images; groups: of 100 images that share a factor; mesh: a
    file, or None for Newell's teapot.
    """

    variant: Variant
    train: int = NUM_IMAGES
    groups: int | None = None
    seed: int = 0
    mesh: Path | None = None

    def about(self) -> dict:
        """All that decides the images, a JSON value."""
        return {
            "format": _FORMAT,
            "variant": self.variant.name,
            "factor_names": list(self.variant.factor_names),
            "train": self.train,
            "groups": self.groups or self.variant.groups,
            "group_size": GROUP_SIZE,
            "seed": self.seed,
            "mesh": fingerprint(self.mesh) if self.mesh else "Newell's teapot",
        }


def generate(order: Order, out: Path, workers: int = 1, say=print) -> None:
    """Make train_data/data.npz and metric_data/data.npz in the folder `out`.

    The first holds imgs [N, 64, 64, 3] uint8 and latents [N, F] float64, the second imgs [M, 100,
    64, 64, 3] and labels [M] int64: which latent the images of group i share, i mod F. Both hold
    factor_names. What an interrupted call left is gone on from. workers: processes. say: called
    with a line now and then. Raises UserError if `out` holds another set, and for a bad mesh.
    """
    with locked(out, wait=True):
        start, about, parts = time.perf_counter(), order.about(), out / ".parts"
        if _is_there(out, about, parts):
            say(f"{out}: is complete already")
            return
        if order.mesh:
            mesh.load(order.mesh, say)  # a bad one shows before the work begins
        write_text(parts / ABOUT, json.dumps(about, indent=2) + "\n")
        todo = [part for part in _sets(order) if not (out / part.path).exists()]
        total = sum(len(part.scenes) for part in todo)
        with tqdm(total=total, unit=" images", desc="drawing", smoothing=0.05) as bar:
            for part in todo:
                _draw(order, part, parts, workers, bar)
        drawn = time.perf_counter() - start
        for part in todo:
            _write(part, out, parts)
        write_text(out / ABOUT, json.dumps(about, indent=2) + "\n")
        shutil.rmtree(parts, ignore_errors=True)
    size = sum((out / path).stat().st_size for path in (TRAIN, METRIC)) / 1e6
    say(
        f"{out}: {size:.1f} MB; {total:,} images drawn in {drawn:.0f} s, written in "
        f"{time.perf_counter() - start - drawn:.0f} s"
    )


def train_latents(order: Order) -> np.ndarray:
    """The training images' latents [N, F]."""
    return order.variant.draw(stream(order.seed, "teapots"), order.train)


def metric_latents(order: Order) -> tuple[np.ndarray, np.ndarray]:
    """The metric groups' latents [M, 100, F] and labels [M]; group i shares latent i mod F."""
    variant, count = order.variant, order.groups or order.variant.groups
    groups = variant.draw(stream(order.seed, "teapot groups"), count * GROUP_SIZE)
    groups = groups.reshape(count, GROUP_SIZE, -1)
    labels = np.arange(count) % len(variant.factor_names)
    for group, label in zip(groups, labels, strict=True):
        group[:, label] = group[0, label]
    return groups, labels


def contact_sheet(order: Order, columns: int = 12, random_rows: int = 3) -> np.ndarray:
    """A picture [H, W, 3] uint8 of the set: random images, then one row per latent, sweeping it."""
    variant = order.variant
    base = variant.draw(stream(order.seed, "contact sheet"), random_rows * columns)
    rows = [base]
    for j, (low, high) in enumerate(variant.sweeps):
        row = np.tile(base[0], (columns, 1))
        row[:, j] = np.linspace(low, high, columns)
        rows.append(row)
    images = _renderer(order.mesh).draw(variant.scenes(np.concatenate(rows)))
    grid = images.reshape(-1, columns, SIZE, SIZE, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(-1, columns * SIZE, 3)


def save_contact_sheet(order: Order, path: Path) -> None:
    """Write `contact_sheet` as a PNG file."""
    with atomic_path(path) as temporary:
        Image.fromarray(contact_sheet(order)).save(temporary, "PNG")


def _is_there(out, about, parts):
    """Whether the whole set is in `out`. Raises UserError if something else is."""
    for place in (out, parts):
        path = place / ABOUT
        if not path.exists():
            continue
        with os_errors_in_one_line(path):
            text = path.read_text()
        try:
            found = json.loads(text)
            different = [key for key in about if found.get(key) != about[key]]
        except (ValueError, AttributeError):
            raise UserError(f"{path}: damaged: choose another --out, or remove it") from None
        if different:
            key = different[0]
            what = "holds" if place == out else "holds the beginnings of"
            raise UserError(
                f"{out} {what} another set: its {key} is {found.get(key)!r}, here it is "
                f"{about[key]!r}: choose another --out, or remove what is there"
            )
        if place == out and all((out / name).exists() for name in (TRAIN, METRIC)):
            return True
    if not (parts / ABOUT).exists():
        for name in (TRAIN, METRIC):
            if (out / name).exists():
                raise UserError(
                    f"{out / name} exists and is not of this command's making: choose another --out"
                )
    return False


class _Set(NamedTuple):
    """A file to be made. scenes: the latents [n, F] of its images; shape: of imgs, before the
    pixels; others: its other arrays.
    """

    path: Path
    scenes: np.ndarray
    shape: tuple[int, ...]
    others: dict[str, np.ndarray]

    def parts(self, folder: Path) -> Iterator[tuple[Path, np.ndarray]]:
        """The files in `folder` that the images are drawn into, and their latents."""
        for number, start in enumerate(range(0, len(self.scenes), _PART)):
            path = folder / self.path.parent / f"{number:06d}.npz"
            yield path, self.scenes[start : start + _PART]


def _sets(order):
    latents, (groups, labels) = train_latents(order), metric_latents(order)
    names = {"factor_names": np.array(order.variant.factor_names)}
    scenes = groups.reshape(-1, groups.shape[-1])
    yield _Set(TRAIN, latents, latents.shape[:1], {"latents": latents} | names)
    yield _Set(METRIC, scenes, groups.shape[:2], {"labels": labels} | names)


def _draw(order, images, folder, workers, bar):
    todo = []
    for path, latents in images.parts(folder):
        if path.exists():
            bar.initial += len(latents)  # not counted in the speed
            bar.update(len(latents))
        else:
            todo.append(delayed(_draw_part)(order.variant.name, order.mesh, latents, path))
    try:
        for done in Parallel(n_jobs=workers, return_as="generator_unordered")(todo):
            bar.update(done)
    except TerminatedWorkerError as error:
        raise UserError(
            "a worker was killed, most likely for want of memory: run the same command again with "
            f"fewer --workers than {workers}; what is drawn is kept"
        ) from error


def _draw_part(variant, mesh_path, latents, path):
    """In a worker: draw and save a part; returns how many images."""
    images = _renderer(mesh_path).draw(VARIANTS[variant].scenes(latents))
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        npz.add(archive, "imgs", images)
    return len(images)


@lru_cache(maxsize=1)
def _renderer(mesh_path):
    return Renderer(mesh.load(mesh_path, lambda line: None) if mesh_path else mesh.teapot())


def _write(images, out, folder):
    """Put the parts together into the set's file."""
    parts = [path for path, _ in images.parts(folder)]
    with (
        atomic_path(out / images.path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        with npz.new_member(archive, "imgs", (*images.shape, SIZE, SIZE, 3), np.uint8) as file:
            for path in tqdm(parts, desc=f"writing {images.path.parent}", unit=" parts"):
                with (
                    npz.opened(path, "remove it and run the same command again") as source,
                    npz.member(source, "imgs") as part,
                ):
                    for _, pixels in part.pieces(_PART):
                        file.write(pixels.tobytes())
        for name, array in images.others.items():
            npz.add(archive, name, array)
