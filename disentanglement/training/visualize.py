"""Pictures of a model: traversals of its codes, and what they are called."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from disentanglement import sheet
from disentanglement.data.labels import label_of
from disentanglement.files import atomic_path
from disentanglement.streams import stream
from disentanglement.wording import counted

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model


_MILLISECONDS = 90  # for a frame of an animation
_GREY = "0.55"  # of the border of an image


def title_of(model: "Model", batches: int, data: str | None) -> str:
    """Return a line that says which model a picture is of.

    For example, "InfoGAN-CR on dSprites, 16,128 batches, run 0".

    Args:
        model: The model.
        batches: How many batches it has been trained for.
        data: The class name of its data set, or a longer name; None if unknown.
    """
    name = model.name_after(batches) + (f" on {label_of(data)}" if data else "")
    return f"{name}, {counted(batches, 'batch', 'batches')}, run {model.config.run}"


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Return images as uint8, scaled together from their minimum and maximum to 0..255."""
    low, high = images.min(), images.max()
    scale = 255 / (high - low) if high > low else 0
    return np.rint((images - low) * scale).astype(np.uint8)


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture [H, W, 1 or 3], uint8, as PNG."""
    with atomic_path(path) as temporary:
        sheet.to_image(picture).save(temporary)


def save_animation(path: Path, frames: Sequence[Image.Image], **options: Any) -> None:
    """Write frames as an animation that goes forwards and back, for ever.

    Args:
        path: The file; its suffix is the format.
        frames: The pictures, first to last.
        **options: More for Pillow's writer of this format.
    """
    first, *others = (*frames, *frames[-2:0:-1])
    with atomic_path(path) as temporary:
        first.save(
            temporary,
            save_all=True,
            append_images=others,
            duration=_MILLISECONDS,
            loop=0,
            **options,
        )


def traverse_codes(model: "Model", num_sample: int) -> list[np.ndarray]:
    """Return the images of a traversal of each code, [num_sample, H, W, C] each.

    The other codes and the noise stay at values drawn from the run's seed. Images are inverted if
    the config's output_reverse says so.
    """
    latent, config = model.latent, model.config
    base = latent.sample(stream(config.run, "traversal picture"), 1)
    rows = [model.generate(latent.traverse(base, j, num_sample)) for j in range(latent.num_codes)]
    return [1 - row for row in rows] if config.output_reverse else rows


def draw_traversal(path: Path, model: "Model", batches: int, data: str | None) -> None:
    """Draw the traversal that a finished run leaves: a row per code, a column per value.

    Args:
        path: The PNG file.
        model: The model.
        batches: How many batches it has been trained for.
        data: The class name of its data set, if known.
    """
    latent, columns = model.latent, model.config.vis_num_sample
    rows = traverse_codes(model, columns)
    names = latent.names[: latent.num_codes]
    title = title_of(model, batches, data)
    values = latent.code.sweep(columns)
    save_traversal(path, rows, names, values, title, metadata={"Description": title})


def save_traversal(
    path: Path,
    rows: Sequence[np.ndarray],
    labels: Sequence[str],
    values: np.ndarray,
    title: str,
    axis: str = "value of the code",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a figure of latent traversals: a row per latent, a column per value.

    Args:
        path: The file; its suffix is the format.
        rows: The images of each latent, [len(values), H, W, C].
        labels: The name of each latent.
        values: What each column shows, written below it.
        title: Above the figure.
        axis: What the values are.
        metadata: Entries that the file carries besides the picture.
    """
    from matplotlib.figure import Figure  # slow to import, and needed only once per run

    figure = Figure(figsize=(1 + len(values) * 0.8, 0.8 + len(rows) * 0.8), layout="constrained")
    places = figure.subplots(len(rows), len(values), squeeze=False)
    for i, (images, label) in enumerate(zip(to_bytes(np.stack(rows)), labels, strict=True)):
        for place, image in zip(places[i], images, strict=True):
            place.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            place.set(xticks=[], yticks=[])
            place.spines[:].set_color(_GREY)
        places[i, 0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    for place, value in zip(places[-1], values, strict=True):
        place.set_xlabel(sheet.number(value), fontsize=9)
    figure.supxlabel(axis, fontsize=9)
    figure.suptitle(title, fontsize=10)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, metadata=metadata)
