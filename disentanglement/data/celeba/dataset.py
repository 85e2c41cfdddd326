"""CelebA (Liu et al. 2015) at 32x32, or drawn stand-in faces where a config asks for them."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from disentanglement.data import npz
from disentanglement.data.celeba import faces
from disentanglement.data.dataset import MetricImages
from disentanglement.data.location import GeneratedDataConfig, listed, searched
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.streams import stream

NUM_IMAGES = 202_599  # in the official archive
FILES = ("data.npz", "data.npy")  # the paper's code wrote the second, its README named the first
SHAPE = (32, 32, 3)
_REFERENCE_SHARE, _MAX_REFERENCE = 10, 10_000  # one image in ten, at most 10,000
_CHUNK = 20_000  # images read at a time


class CelebA:
    """Images without labels; models see them in [-1, 1].

    Attributes:
        pixels: The images, uint8 [N, 32, 32, 3].
    """

    image_shape = SHAPE

    def __init__(self, pixels: np.ndarray):
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """Return the images [n, 32, 32, 3] with these numbers [n], float32 in [-1, 1]."""
        return self.pixels[numbers].astype(np.float32) / 255 * 2 - 1

    @property
    def packed(self) -> np.ndarray:
        """The images as bytes, uint8 [N, 32, 32, 3]; see `unpack`."""
        return self.pixels

    def unpack(self, rows: Any) -> Any:
        """Return the images of rows of `packed`, computed with `keras.ops`."""
        from keras import ops  # the data alone needs no Keras

        return ops.cast(rows, "float32") / 255 * 2 - 1

    def draw_images(self, rng: np.random.Generator) -> MetricImages:
        """Draw the reference images; without labels there are no others.

        See `disentanglement.evaluation.evaluate.draw_images`.
        """
        n = len(self.pixels)
        count = max(1, min(n // _REFERENCE_SHARE, _MAX_REFERENCE))
        return {"reference": rng.choice(n, count, replace=False)}


class StandInFaces(CelebA):
    """Rendered faces in place of CelebA; a class of its own, because records hold its name."""


def find(config: GeneratedDataConfig, experiment: Path) -> Path | None:
    """Return the file of a run's images; None if stand-in faces will be rendered instead.

    The file is the first data.npz or data.npy in one of `data_folders`.

    Raises:
        UserError: There is no file, and the config asks for no faces.
    """
    folders = data_folders(experiment, config.data_dir)
    for path in (folder / name for folder in folders for name in FILES):
        if path.exists():
            return path
    if config.generate is not None:
        return None
    script = Path(experiment).resolve().parent / "CelebA" / "process_celeba.py"
    words = ["--zip", "img_align_celeba.zip", "--out", str(folders[-1] / FILES[0])]
    raise UserError(
        f"no CelebA ({' or '.join(FILES)}) in {listed(folders)}: get img_align_celeba.zip (see "
        f"docs/DATA.md) and run: {shlex.join(['python', str(script), *words])}"
    )


def data_folders(experiment: Path, data_dir: str | Path | None = None) -> list[Path]:
    """Return the folders that an experiment searches for CelebA; see `location.searched`."""
    return searched(experiment, data_dir, "celeba", "CelebA")


def load_for(
    config: GeneratedDataConfig, experiment: Path, say: Callable[[str], None] = print
) -> CelebA:
    """Load CelebA for a run, or render stand-in faces if the config asks for them.

    Reads the file that `find` returns. If there is none, renders config.generate faces.

    Args:
        config: The run's config.
        experiment: The experiment's folder.
        say: Called with a line for the user: which file is used, or that stand-in faces are.

    Raises:
        UserError: There is no CelebA and the config asks for no faces, or a file is damaged.
    """
    path = find(config, experiment)
    if path is not None:
        data = CelebA(read(path))
        say(f"CelebA from {path}")
        return data
    assert config.generate is not None, "`find` has checked it"
    folders = data_folders(experiment, config.data_dir)
    say(
        f"note: no CelebA in {listed(folders)}: using {config.generate:,} rendered stand-in faces, "
        "which are good for a first look only"
    )
    latents = faces.sample_latents(stream(0, "stand-in faces"), config.generate)
    return StandInFaces(faces.render(latents))


def read(path: Path) -> np.ndarray:
    """Read the images from an npy file, or from the array imgs (or the only one) of an npz file.

    Returns:
        uint8 [N, 32, 32, 3].

    Raises:
        UserError: The file is damaged, or its array has another shape or type.
    """
    advice = "move it away and make it again with process_celeba.py"
    if path.suffix == ".npz":
        with npz.open_npz(path, advice) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if "imgs" not in names and len(names) != 1:
                raise UserError(f"{path}: holds {', '.join(names)} but no array 'imgs': {advice}")
            with npz.open_array(archive, "imgs" if "imgs" in names else names[0]) as array:
                return _read_pixels(array)
    try:
        with os_errors_in_one_line(path), path.open("rb") as file:
            header = npz.read_header(file, path.name)
            return _read_pixels(npz.ArrayReader(path, path.name, file, *header))
    except npz.READ_ERRORS as error:
        raise UserError(f"{path}: damaged or in the wrong format ({error}): {advice}") from error


def _read_pixels(array: npz.ArrayReader) -> np.ndarray:
    if array.dtype != np.uint8 or array.shape[1:] != SHAPE or not array.shape[0]:
        raise UserError(
            f"{array.path}: '{array.name}' is {array.dtype} {array.shape}: must be uint8 "
            "[N, 32, 32, 3], as process_celeba.py writes it"
        )
    pixels = array.allocate(np.uint8)
    for start, chunk in array.chunks(_CHUNK):
        pixels[start : start + len(chunk)] = chunk
    return pixels
