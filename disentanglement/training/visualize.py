"""Pictures: sample grids and latent traversals."""

from pathlib import Path

import numpy as np
from PIL import Image

from disentanglement.files import atomic_path


def grid(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """One picture [rows * H, columns * W, C], uint8, of images [rows * columns, H, W, C].

    The images come column by column: image c * rows + r stands in row r, column c. The picture is
    scaled as a whole from its least and greatest value to 0..255.
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


def save_traversal(path: Path, rows: list[np.ndarray], labels: list[str], values) -> None:
    """Write a labelled figure: one row per latent, one column per value.

    rows: for each latent its images [len(values), H, W, C]; values: the numbers over the columns.
    """
    from matplotlib.figure import Figure  # slow to import, and needed once a run

    figure = Figure(figsize=(1 + len(values) * 0.8, 0.5 + len(rows) * 0.8), layout="constrained")
    axes = figure.subplots(len(rows), len(values), squeeze=False)
    low, high = min(row.min() for row in rows), max(row.max() for row in rows)
    scale = 1 / (high - low) if high > low else 0
    for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
        for axis, image, value in zip(axes[i], row, values, strict=True):
            shown = ((image - low) * scale).squeeze()
            axis.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            if i == 0:
                axis.set_title(f"{value:.2g}", fontsize=9)
        axes[i, 0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _to_bytes(picture):
    low, high = picture.min(), picture.max()
    scale = 255 / (high - low) if high > low else 0
    return np.rint((picture - low) * scale).astype(np.uint8)
