"""Pictures: sample grids and latent traversals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from disentanglement.files import atomic_path
from disentanglement.streams import stream

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model


_MILLISECONDS = 90  # for a frame of an animation


def grid(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Arrange images in a grid, column by column.

    Args:
        images: [rows * columns, H, W, C]; image c * rows + r goes to row r, column c.
        rows: Rows of the grid.
        columns: Columns of the grid.

    Returns:
        The picture [rows * H, columns * W, C], uint8. The whole picture is scaled from its own
        minimum and maximum to 0..255.
    """
    n, height, width, channels = images.shape
    if n != rows * columns:
        raise ValueError(f"{n} images do not fill {rows} rows of {columns}")
    picture = images.reshape(columns, rows, height, width, channels).transpose(1, 2, 0, 3, 4)
    return _to_bytes(picture.reshape(rows * height, columns * width, channels))


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture [H, W, 1 or 3], uint8, as PNG."""
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    with atomic_path(path) as temporary:
        image.save(temporary)


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


def save_traversal(
    path: Path,
    rows: Sequence[np.ndarray],
    labels: Sequence[str],
    values: np.ndarray,
    title: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a figure of latent traversals: a row per latent, a column per value.

    Args:
        path: The file; its suffix is the format.
        rows: The images of each latent, [len(values), H, W, C].
        labels: The name of each latent.
        values: The heading of each column.
        title: Above the figure, if any.
        metadata: Entries that the file carries besides the picture.
    """
    from matplotlib.figure import Figure  # slow to import, and needed only once per run

    figure = Figure(figsize=(1 + len(values) * 0.8, 0.5 + len(rows) * 0.8), layout="constrained")
    axes = figure.subplots(len(rows), len(values), squeeze=False)
    low, high = min(row.min() for row in rows), max(row.max() for row in rows)
    scale = 1 / (high - low) if high > low else 0
    for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
        for axis, image, value in zip(axes[i], row, values, strict=True):
            scaled = ((image - low) * scale).squeeze()
            axis.imshow(scaled, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            if i == 0:
                axis.set_title(f"{value:.2g}", fontsize=9)
        axes[i, 0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, metadata=metadata)


def _to_bytes(picture: np.ndarray) -> np.ndarray:
    low, high = picture.min(), picture.max()
    scale = 255 / (high - low) if high > low else 0
    return np.rint((picture - low) * scale).astype(np.uint8)
