"""Generate a set of 3D teapots: training images and metric groups.

Images are rendered in parts, each a file, by several processes; an interrupted run resumes with the
missing parts. A part depends only on the specification and its number.
"""

import io
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from disentanglement import sheet
from disentanglement.console import progress_bar
from disentanglement.data import npz, parts
from disentanglement.data.teapots import mesh
from disentanglement.data.teapots.render import SIZE, Renderer
from disentanglement.data.teapots.variants import DEGREES, NUM_IMAGES, VARIANTS, Variant
from disentanglement.errors import UserError
from disentanglement.files import atomic_path, fingerprint, locked
from disentanglement.streams import stream
from disentanglement.wording import counted

TRAIN, METRIC = Path("train_data", "data.npz"), Path("metric_data", "data.npz")
GROUP_SIZE = 100
_PART = 500  # images
_TEAPOT = "Newell's teapot"
_FORMAT = 1  # increase it when the same options would give other images


@dataclass(frozen=True)
class TeapotSet:
    """The specification of a set.

    Attributes:
        variant: What varies.
        train: Training images.
        groups: Groups of 100 images that share a factor; None: as many as the paper.
        seed: Seed of the latents.
        mesh: A mesh file; None: Newell's teapot.
    """

    variant: Variant
    train: int = NUM_IMAGES
    groups: int | None = None
    seed: int = 0
    mesh: Path | None = None

    def description(self) -> dict[str, Any]:
        """Return everything that determines the images, a JSON value."""
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


def generate(
    spec: TeapotSet, out: Path, workers: int = 1, say: Callable[[str], None] = print
) -> None:
    """Write train_data/data.npz and metric_data/data.npz in the folder `out`.

    The first holds imgs [N, 64, 64, 3] uint8 and latents [N, F] float64; the second holds imgs
    [M, 100, 64, 64, 3] and labels [M] int64, the latent that the images of a group share: i mod F
    for group i. Both hold factor_names.

    Args:
        spec: What to generate.
        out: Created if it does not exist; an interrupted call resumes from the parts kept there.
        workers: Processes.
        say: Called with lines for the user.

    Raises:
        UserError: `out` holds another set or a damaged file, or the mesh cannot be used.
    """
    with locked(out, wait=True):
        start, description, folder = time.perf_counter(), spec.description(), out / ".parts"
        if _check_folder(out, description, folder):
            shutil.rmtree(folder, ignore_errors=True)
            say(
                f"{out}: already complete; its checksums are right (checked in "
                f"{time.perf_counter() - start:.0f} s)"
            )
            return
        if spec.mesh:
            mesh.load(spec.mesh, say)  # report a bad mesh before any work
        parts.write_description(folder, description)
        todo = [
            (file, file.parts(spec, description["mesh"], folder))
            for file in _image_files(spec)
            if not (out / file.path).exists()
        ]
        total = sum(len(file.latents) for file, _ in todo)
        with progress_bar(total, "images", "rendering") as bar:
            parts.make_missing([part for _, some in todo for part in some], workers, bar)
        rendered = time.perf_counter() - start
        for file, some in todo:
            _merge_parts(file, out, [part.path for part in some])
        parts.write_description(out, description)
        shutil.rmtree(folder, ignore_errors=True)
    size = sum((out / path).stat().st_size for path in (TRAIN, METRIC)) / 1e6
    say(
        f"{out}: {size:.1f} MB; {counted(total, 'image')} rendered in {rendered:.0f} s, written in "
        f"{time.perf_counter() - start - rendered:.0f} s"
    )


def script(variant: Variant) -> str:
    """Return the path, inside the project, of the script that generates a variant."""
    return f"3D_teapot/generate_teapots_{variant.name}.py"


def resume_command(folder: Path) -> list[str] | None:
    """Return the command that resumes an unfinished set in `folder`; None if there is none.

    Its first word, the script, is a path inside the project.
    """
    found = parts.read_description(folder / ".parts")
    if found is None or found.get("variant") not in VARIANTS:
        return None
    words = [script(VARIANTS[found["variant"]]), "--out", str(folder)]
    words += [word for key in ("train", "groups", "seed") for word in (f"--{key}", str(found[key]))]
    if found["mesh"] != _TEAPOT:
        words += ["--mesh", "FILE"]
    return words


def train_latents(spec: TeapotSet) -> np.ndarray:
    """Return the latents [N, F] of the training images."""
    return spec.variant.sample(stream(spec.seed, "teapots"), spec.train)


def metric_latents(spec: TeapotSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the latents [M, 100, F] of the metric groups and their labels [M]."""
    variant, count = spec.variant, spec.groups or spec.variant.groups
    groups = variant.sample(stream(spec.seed, "teapot groups"), count * GROUP_SIZE)
    groups = groups.reshape(count, GROUP_SIZE, -1)
    labels = np.arange(count) % len(variant.factor_names)
    for group, label in zip(groups, labels, strict=True):
        group[:, label] = group[0, label]
    return groups, labels


def contact_sheet(spec: TeapotSet, columns: int = 13, random_rows: int = 3) -> Image.Image:
    """Return a picture: rows of random images, then a row for each latent, with its values."""
    variant = spec.variant
    drawn = variant.sample(stream(spec.seed, "contact sheet"), random_rows * columns)
    swept = np.tile(variant.base, (len(variant.sweeps), columns, 1))
    for j, (first, last) in enumerate(variant.sweeps):
        swept[j, :, j] = np.linspace(first, last, columns)
    latents = np.concatenate([drawn, np.concatenate(swept)])
    images = _renderer(spec.mesh, spec.description()["mesh"]).render(variant.scenes(latents))
    tiles = images.reshape(-1, columns, SIZE, SIZE, 3)
    rows = [sheet.Row(row, "random images") for row in tiles[:random_rows]]
    for j, (name, unit) in enumerate(zip(variant.factor_names, variant.units, strict=True)):
        values = np.degrees(swept[j, :, j]) if unit == DEGREES else swept[j, :, j]
        headings = [f"{round(value, 2):g}" for value in values]
        rows.append(sheet.Row(tiles[random_rows + j], name, headings, unit, apart=True))
    return sheet.draw(_sheet_title(spec), rows)


def save_contact_sheet(spec: TeapotSet, path: Path) -> None:
    """Write `contact_sheet` as a PNG file. Raises UserError if the file exists and differs."""
    content = io.BytesIO()
    contact_sheet(spec).save(content, "PNG", pnginfo=sheet.description(_sheet_title(spec)))
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.write_bytes(content.getvalue())
    elif path.is_dir() or path.read_bytes() != content.getvalue():
        # The same picture is left by an earlier call of the command, which now resumes.
        raise UserError(f"{path} exists: choose another name for --preview, or move it away")


def _sheet_title(spec: TeapotSet) -> list[str]:
    mesh_name = f", mesh {spec.mesh.name}" if spec.mesh else ""
    return [
        f"3D teapots, {spec.variant.name}, seed {spec.seed}{mesh_name}",
        "random images; below, a row for each factor, in which only this factor changes",
    ]


def _check_folder(out: Path, description: dict[str, Any], folder: Path) -> bool:
    """Return whether the whole set is in `out`.

    Raises:
        UserError: `out` holds something else, or a file of the set is damaged.
    """
    whole = parts.check_description(out, description, f"{out} holds another set")
    begun = parts.check_description(folder, description, f"{out} holds parts of another set")
    found = [out / name for name in (TRAIN, METRIC) if (out / name).exists()]
    if found and not (whole or begun):
        raise UserError(f"{found[0]} exists and was not made by this command: choose another --out")
    for path in found:
        npz.verify(path, "move it away and run the same command again")
    return whole and len(found) == 2


class _ImageFile(NamedTuple):
    """A file to write.

    Attributes:
        path: In the set's folder.
        latents: [n, F], those of its images.
        shape: The shape of imgs, without the images' own: [N] or [M, L].
        others: Its other arrays.
    """

    path: Path
    latents: np.ndarray
    shape: tuple[int, ...]
    others: dict[str, np.ndarray]

    def parts(self, spec: TeapotSet, mesh_fingerprint: str, folder: Path) -> list[parts.Part]:
        """Return the parts that hold its images."""
        result = []
        for number, start in enumerate(range(0, len(self.latents), _PART)):
            latents = self.latents[start : start + _PART]
            path = folder / self.path.parent / f"{number:06d}.npz"
            arguments = (spec.variant.name, spec.mesh, mesh_fingerprint, latents, path)
            result.append(parts.Part(path, len(latents), _render_part, arguments))
        return result


def _image_files(spec: TeapotSet) -> Iterator[_ImageFile]:
    latents, (groups, labels) = train_latents(spec), metric_latents(spec)
    names = {"factor_names": np.array(spec.variant.factor_names)}
    yield _ImageFile(TRAIN, latents, latents.shape[:1], {"latents": latents} | names)
    rows = groups.reshape(-1, groups.shape[-1])
    yield _ImageFile(METRIC, rows, groups.shape[:2], {"labels": labels} | names)


def _render_part(
    variant: str, mesh_path: Path | None, mesh_fingerprint: str, latents: np.ndarray, path: Path
) -> None:
    """Render and save a part; runs in a worker."""
    images = _renderer(mesh_path, mesh_fingerprint).render(VARIANTS[variant].scenes(latents))
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        npz.add_array(archive, "imgs", images)


@lru_cache(maxsize=1)
def _renderer(mesh_path: Path | None, mesh_fingerprint: str) -> Renderer:
    """Return the renderer of a mesh; a worker builds it once."""
    return Renderer(mesh.load(mesh_path, lambda line: None) if mesh_path else mesh.teapot())


def _merge_parts(file: _ImageFile, out: Path, paths: list[Path]) -> None:
    """Write a file of the set from its parts."""
    with (
        atomic_path(out / file.path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        shape = (*file.shape, SIZE, SIZE, 3)
        with (
            npz.create_array(archive, "imgs", shape, np.uint8) as member,
            progress_bar(len(paths), "parts", f"writing {file.path.parent}") as bar,
        ):
            for path in paths:
                for chunk in npz.read_chunks(path, "imgs", _PART, parts.DAMAGED_PART_ADVICE):
                    member.write(chunk.tobytes())
                bar.update()
        for name, array in file.others.items():
            npz.add_array(archive, name, array)
