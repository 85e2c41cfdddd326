"""The traversals of a run as one small picture, cut out of the pictures that it leaves."""

import base64
import functools
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from disentanglement.evaluation.captured import captured_factors
from disentanglement.experiments import states
from disentanglement.experiments.report.collect import Run
from disentanglement.wording import counted

_BORDER = 140  # the grey of the tiles' borders, see `sheet` and `visualize`
_SHORTEST = 8  # pixels of a border
_LOSSLESS = 16_000  # bytes; larger pictures are compressed further
_LARGEST = 96  # pixels of a tile's side
_GRID = re.compile(r"global_id-(-?\d+),latent-(\d+)\.png$")


@dataclass(frozen=True)
class Strip:
    """A traversal as one picture: a row of tiles per latent, a column per value.

    Attributes:
        picture: The picture as a data URI.
        labels: A name for each row; empty if the picture could not be cut into tiles, and is whole.
        columns: The number of tiles in a row.
        width: The width of a tile in pixels.
        height: Its height.
        about: What the picture is of, e.g. "traversal.png".
    """

    picture: str
    labels: tuple[str, ...]
    columns: int
    width: int
    height: int
    about: str


def strip_of(run: Run) -> Strip | None:
    """Return the traversals of a run, or None if it has drawn none yet.

    They are those of the finished model, or the last sample grids of a run under way.
    """
    final, grids = run.folder / "traversal.png", run.folder / "sample"
    try:
        if run.state.name in states.TRAINED or not grids.is_dir():
            files, about = [final], final.name
        else:
            batch, files = _last_grids(grids)
            about = f"after {counted(batch + 1, 'batch', 'batches')}"
        key = tuple((path, path.stat().st_mtime_ns) for path in files)
        found = _picture(key, _grid_shape(run.config))
    except (OSError, ValueError):  # none, half written, or not a picture
        return None
    if found is None:
        return None
    picture, rows, columns, width, height = found
    if rows == columns == 1:
        return Strip(picture, (), 1, width, height, about)
    with_noise = files != [final] and bool(run.config.get("uniform_not_reg_dim")) and rows > 1
    labels = [*_labels(run, rows - with_noise, files == [final]), *["noise"] * with_noise]
    return Strip(picture, tuple(labels), columns, width, height, about)


def _labels(run: Run, count: int, final: bool) -> list[str]:
    """Return the name of each code, with the factor that it captures where that is clear."""
    captured: list[str | None] = []
    if final and run.scores:
        captured = captured_factors(next(iter(run.scores.values())))
    captured += [None] * (count - len(captured))
    names = (f"code_{j}" for j in range(count))
    return [f"{n}: {c}" if c else n for n, c in zip(names, captured, strict=False)]


def _last_grids(folder: Path) -> tuple[int, list[Path]]:
    """Return the number of the batch after which grids were last drawn, and these by latent."""
    found: dict[int, dict[int, Path]] = {}
    for path in folder.iterdir():
        if match := _GRID.search(path.name):
            found.setdefault(int(match[1]), {})[int(match[2])] = path
    last = max(found, default=-1)
    return last, [path for _, path in sorted(found.get(last, {}).items())]


@functools.lru_cache(maxsize=512)  # --watch meets mostly the same files again
def _picture(
    files: tuple[tuple[Path, int], ...], shape: tuple[int, int]
) -> tuple[str, int, int, int, int] | None:
    """Return the tiles of pictures as one picture; None if they do not fit together.

    Args:
        files: One traversal, all rows of which are wanted, or grids, of each the first row; with
            the time of their last change.
        shape: The rows and columns of a grid.

    Returns:
        A data URI, the numbers of rows and columns (1 and 1 if a traversal could not be cut), and
        the width and height of a tile.
    """
    if len(files) == 1:
        rows = _cut(files[0][0])
    else:
        rows = [grid[0] for path, _ in files if (grid := _cut(path, shape))]
    if not rows or len({(len(row), row[0].shape) for row in rows}) > 1:
        return None
    whole = Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in rows]))
    data = _webp(whole, lossless=True, quality=20, method=0)  # slower settings save little
    if len(data) > _LOSSLESS:
        data = _webp(whole, quality=80, method=2)
    height, width = rows[0][0].shape[:2]
    uri = f"data:image/webp;base64,{base64.b64encode(data).decode()}"
    return uri, len(rows), len(rows[0]), width, height


def _webp(picture: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", **options)
    return file.getvalue()


def _grid_shape(config: Mapping[str, Any]) -> tuple[int, int]:
    rows, columns = config.get("vis_num_rep"), config.get("vis_num_sample")
    return (rows, columns) if isinstance(rows, int) and isinstance(columns, int) else (1, 1)


def _cut(path: Path, shape: tuple[int, int] = (1, 1)) -> list[list[np.ndarray]]:
    """Return the tiles of a picture, row by row, [H, W, 3] each.

    Args:
        path: The picture.
        shape: The numbers of rows and columns to cut it into if its tiles have no borders, as in
            the grids of earlier versions.
    """
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    border = (pixels == _BORDER).all(axis=2)
    columns, rows = (_lines(border.sum(axis=axis)) for axis in (0, 1))
    if not columns or not rows:
        height, width = (n // max(1, m) for n, m in zip(pixels.shape[:2], shape, strict=True))
        rows = [(height * i, height * (i + 1)) for i in range(shape[0])]
        columns = [(width * j, width * (j + 1)) for j in range(shape[1])]
        if shape == (1, 1):  # a whole picture, to be looked at as it is
            return [[pixels]]
    step = -(-max(right - left for left, right in columns) // _LARGEST)
    return [
        [pixels[top:bottom:step, left:right:step] for left, right in columns]
        for top, bottom in rows
    ]


def _lines(counts: np.ndarray) -> list[tuple[int, int]]:
    """Return where tiles begin and end, given the number of border pixels in each line."""
    places = np.flatnonzero(counts > max(counts.max(initial=0) / 2, _SHORTEST))
    pairs = list(zip(places[::2] + 1, places[1::2], strict=False))
    sides = [int(end - start) for start, end in pairs]
    if not sides or len(places) % 2 or min(sides) < 2 or max(sides) > min(sides) + 2:
        return []
    return [(int(start), int(start) + min(sides)) for start, _ in pairs]  # they are rounded
