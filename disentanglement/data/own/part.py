"""How pictures are made into images, and the files that some of them at a time are saved in."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from disentanglement.data import npz
from disentanglement.files import atomic_path


@dataclass(frozen=True)
class Options:
    """How pictures are made into images.

    Attributes:
        size: Height and width.
        crop: Cut the largest square out of the middle, instead of squeezing the whole picture.
        grey: One channel instead of three.
    """

    size: int = 64
    crop: bool = False
    grey: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.size, self.size, 1 if self.grey else 3


def save_part(
    path: Path,
    pixels: np.ndarray,
    uneven: int = 0,
    bad: Sequence[str] = (),
    reasons: Sequence[str] = (),
) -> None:
    """Save a part: its images, how many were not square, and what was left out and why."""
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        npz.add_array(file, "imgs", pixels)
        npz.add_array(file, "uneven", np.array([uneven]))
        npz.add_array(file, "bad", np.array(bad, "U"))
        npz.add_array(file, "reasons", np.array(reasons, "U"))
