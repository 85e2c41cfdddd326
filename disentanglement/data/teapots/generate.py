"""Making a set of 3D teapots: training images and metric groups, on every core, resumable.

Images are drawn in parts, each a file; a killed run goes on with the parts that are absent. What a
part holds depends on the seed and its number only.
"""

import shutil
import time
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from disentanglement.data import npz, parts
from disentanglement.data.teapots import mesh
from disentanglement.data.teapots.render import SIZE, Renderer
from disentanglement.data.teapots.variants import NUM_IMAGES, VARIANTS, Variant
from disentanglement.errors import UserError
from disentanglement.files import atomic_path, fingerprint, locked
from disentanglement.streams import stream

TRAIN, METRIC = Path("train_data", "data.npz"), Path("metric_data", "data.npz")
GROUP_SIZE = 100
_PART = 500  # images
_TEAPOT = "Newell's teapot"
_FORMAT = 1  # to be raised when the same options come to give other images


@dataclass(frozen=True)
class TeapotSet:
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
            "mesh": fingerprint(self.mesh) if self.mesh else _TEAPOT,
        }


def generate(settings: TeapotSet, out: Path, workers: int = 1, say=print) -> None:
    """Make train_data/data.npz and metric_data/data.npz in the folder `out`.

    The first holds imgs [N, 64, 64, 3] uint8 and latents [N, F] float64, the second imgs [M, 100,
    64, 64, 3] and labels [M] int64: which latent the images of group i share, i mod F. Both hold
    factor_names. What an interrupted call left is gone on from. workers: processes. say: called
    with a line now and then. Raises UserError if `out` holds another set, and for a bad mesh.
    """
    with locked(out, wait=True):
        start, about, folder = time.perf_counter(), settings.about(), out / ".parts"
        if _is_there(out, about, folder):
            shutil.rmtree(folder, ignore_errors=True)
            say(f"{out}: is complete already")
            return
        if settings.mesh:
            mesh.load(settings.mesh, say)  # a bad one shows before the work begins
        parts.begin(folder, about)
        todo = [
            (images, images.parts(settings, about["mesh"], folder))
            for images in _sets(settings)
            if not (out / images.path).exists()
        ]
        total = sum(len(images.scenes) for images, _ in todo)
        with tqdm(total=total, unit=" images", desc="drawing", smoothing=0.05) as bar:
            parts.finish([part for _, some in todo for part in some], workers, bar)
        drawn = time.perf_counter() - start
        for images, some in todo:
            _write(images, out, [part.path for part in some])
        parts.begin(out, about)
        shutil.rmtree(folder, ignore_errors=True)
    size = sum((out / path).stat().st_size for path in (TRAIN, METRIC)) / 1e6
    say(
        f"{out}: {size:.1f} MB; {total:,} images drawn in {drawn:.0f} s, written in "
        f"{time.perf_counter() - start - drawn:.0f} s"
    )


def command(folder: Path) -> str | None:
    """The command that goes on with an unfinished set in `folder`; None where there is none."""
    about = parts.read(folder / ".parts")
    if about is None or about.get("variant") not in VARIANTS:
        return None
    variant, mesh_file = about["variant"], about["mesh"] != _TEAPOT
    words = [f"3D_teapot/generate_teapots_{variant}.py --out {folder}"]
    words += [f"--{key} {about[key]}" for key in ("train", "groups", "seed")]
    return " ".join(words + ["--mesh FILE"] * mesh_file)


def train_latents(settings: TeapotSet) -> np.ndarray:
    """The training images' latents [N, F]."""
    return settings.variant.draw(stream(settings.seed, "teapots"), settings.train)


def metric_latents(settings: TeapotSet) -> tuple[np.ndarray, np.ndarray]:
    """The metric groups' latents [M, 100, F] and labels [M]; group i shares latent i mod F."""
    variant, count = settings.variant, settings.groups or settings.variant.groups
    groups = variant.draw(stream(settings.seed, "teapot groups"), count * GROUP_SIZE)
    groups = groups.reshape(count, GROUP_SIZE, -1)
    labels = np.arange(count) % len(variant.factor_names)
    for group, label in zip(groups, labels, strict=True):
        group[:, label] = group[0, label]
    return groups, labels


def contact_sheet(settings: TeapotSet, columns: int = 12, random_rows: int = 3) -> np.ndarray:
    """A picture [H, W, 3] uint8 of the set: random images, then one row per latent, sweeping it."""
    variant = settings.variant
    base = variant.draw(stream(settings.seed, "contact sheet"), random_rows * columns)
    rows = [base]
    for j, (low, high) in enumerate(variant.sweeps):
        row = np.tile(base[0], (columns, 1))
        row[:, j] = np.linspace(low, high, columns)
        rows.append(row)
    images = _renderer(settings.mesh, settings.about()["mesh"]).draw(
        variant.scenes(np.concatenate(rows))
    )
    grid = images.reshape(-1, columns, SIZE, SIZE, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(-1, columns * SIZE, 3)


def save_contact_sheet(settings: TeapotSet, path: Path) -> None:
    """Write `contact_sheet` as a PNG file."""
    with atomic_path(path) as temporary:
        Image.fromarray(contact_sheet(settings)).save(temporary, "PNG")


def _is_there(out, about, folder):
    """Whether the whole set is in `out`. Raises UserError if something else is."""
    whole = parts.check(out, about, f"{out} holds another set")
    begun = parts.check(folder, about, f"{out} holds the beginnings of another set")
    found = [out / name for name in (TRAIN, METRIC) if (out / name).exists()]
    if found and not (whole or begun):
        raise UserError(
            f"{found[0]} exists and is not of this command's making: choose another --out"
        )
    return whole and len(found) == 2


class _ImageFile(NamedTuple):
    """A file to be made. scenes: the latents [n, F] of its images; shape: of imgs, before the
    pixels; others: its other arrays.
    """

    path: Path
    scenes: np.ndarray
    shape: tuple[int, ...]
    others: dict[str, np.ndarray]

    def parts(self, settings: TeapotSet, mark: str, folder: Path) -> list[parts.Part]:
        """What its images are drawn into. mark: the mesh's fingerprint."""
        result = []
        for number, start in enumerate(range(0, len(self.scenes), _PART)):
            latents = self.scenes[start : start + _PART]
            path = folder / self.path.parent / f"{number:06d}.npz"
            arguments = (settings.variant.name, settings.mesh, mark, latents, path)
            result.append(parts.Part(path, len(latents), _draw_part, arguments))
        return result


def _sets(settings):
    latents, (groups, labels) = train_latents(settings), metric_latents(settings)
    names = {"factor_names": np.array(settings.variant.factor_names)}
    scenes = groups.reshape(-1, groups.shape[-1])
    yield _ImageFile(TRAIN, latents, latents.shape[:1], {"latents": latents} | names)
    yield _ImageFile(METRIC, scenes, groups.shape[:2], {"labels": labels} | names)


def _draw_part(variant, mesh_path, mark, latents, path):
    """In a worker: draw and save a part."""
    images = _renderer(mesh_path, mark).draw(VARIANTS[variant].scenes(latents))
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        npz.add(archive, "imgs", images)


@lru_cache(maxsize=1)
def _renderer(mesh_path, mark):
    """A worker builds it once. mark: the mesh's fingerprint."""
    return Renderer(mesh.load(mesh_path, lambda line: None) if mesh_path else mesh.teapot())


def _write(images, out, paths):
    """Put the parts together into the set's file."""
    with (
        atomic_path(out / images.path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        with npz.new_member(archive, "imgs", (*images.shape, SIZE, SIZE, 3), np.uint8) as file:
            for path in tqdm(paths, desc=f"writing {images.path.parent}", unit=" parts"):
                for piece in npz.read_in_pieces(path, "imgs", _PART, parts.AGAIN):
                    file.write(piece.tobytes())
        for name, array in images.others.items():
            npz.add(archive, name, array)
