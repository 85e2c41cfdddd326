"""CelebA (Liu et al. 2015) as 32x32 pictures, or, where it is absent and asked for, stand-ins."""

from pathlib import Path

import numpy as np

from disentanglement.data import npz
from disentanglement.data.celeba import faces
from disentanglement.data.location import data_folder
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.streams import stream

NUM_IMAGES = 202_599  # of the official archive
FILES = ("data.npz", "data.npy")  # the paper's code wrote the second, its README named the first
SHAPE = (32, 32, 3)
SHARE = 10  # one picture in ten is used by the metrics, at most:
_REFERENCE = 10_000
_PIECE = 20_000  # pictures read at a time


class CelebA:
    """Pictures without labels. pixels: uint8 [N, 32, 32, 3]; models see them in [-1, 1]."""

    image_shape = SHAPE

    def __init__(self, pixels: np.ndarray):
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """The pictures [n, 32, 32, 3] of these numbers, float32 in [-1, 1]."""
        return self.pixels[numbers].astype(np.float32) / 255 * 2 - 1

    @property
    def packed(self) -> np.ndarray:
        """What `unpack` takes, a row per picture: uint8 [N, 32, 32, 3]."""
        return self.pixels

    def unpack(self, rows):
        """`images` in `keras.ops`, from rows of `packed`."""
        from keras import ops  # the data alone needs no Keras

        return ops.cast(rows, "float32") / 255 * 2 - 1

    def draw_images(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A tenth of the pictures, 10,000 at most, to compare generated ones with.

        See `disentanglement.evaluation.evaluate.draw_images`: without factors there is no more.
        """
        n = len(self.pixels)
        return {"reference": rng.choice(n, max(1, min(n // SHARE, _REFERENCE)), replace=False)}


class StandInFaces(CelebA):
    """Drawn faces in CelebA's stead; a name of its own keeps records from taking them for it."""


def load_for(config, experiment: Path, say=print) -> CelebA:
    """Load CelebA for a run of the experiment in this folder, or draw stand-ins if the config asks.

    Reads data.npz or data.npy from config.data_dir, or from data/CelebA beside the experiments.
    Where neither exists, draws config.generate stand-in faces.

    Raises:
        UserError: There is nothing to load, or a file is damaged.
    """
    folder = data_folder(experiment, config.data_dir, "CelebA")
    for name in FILES:
        if (folder / name).exists():
            return CelebA(read(folder / name))
    if config.generate is None:
        script = experiment.parent / "CelebA" / "process_celeba.py"
        raise UserError(
            f"{folder} holds neither {' nor '.join(FILES)}: get img_align_celeba.zip (see the "
            f"README) and run: python {script} --zip img_align_celeba.zip --out {folder / FILES[0]}"
        )
    say(
        f"note: no CelebA in {folder}: {config.generate:,} drawn faces stand in for it; they are "
        "for a first look only"
    )
    latents = faces.draw_latents(stream(0, "stand-in faces"), config.generate)
    return StandInFaces(faces.draw(latents))


def read(path: Path) -> np.ndarray:
    """uint8 [N, 32, 32, 3] from an npy file, or from the array imgs (or the only one) of an npz."""
    advice = "move it away and make it again with process_celeba.py"
    if path.suffix == ".npz":
        with npz.opened(path, advice) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if "imgs" not in names and len(names) != 1:
                raise UserError(f"{path}: holds {', '.join(names)} but no array 'imgs': {advice}")
            with npz.member(archive, "imgs" if "imgs" in names else names[0]) as member:
                return _pixels(member)
    try:
        with os_errors_in_one_line(path), path.open("rb") as file:
            return _pixels(npz.Member(path, path.name, file, *npz.read_header(file, path.name)))
    except npz.DAMAGE as error:
        raise UserError(f"{path}: damaged or not what it should be ({error}): {advice}") from error


def _pixels(member):
    if member.dtype != np.uint8 or member.shape[1:] != SHAPE or not member.shape[0]:
        raise UserError(
            f"{member.path}: '{member.name}' is {member.dtype} {member.shape}: must be uint8 "
            "[N, 32, 32, 3], as process_celeba.py writes it"
        )
    pixels = member.empty(np.uint8)
    for start, piece in member.pieces(_PIECE):
        pixels[start : start + len(piece)] = piece
    return pixels
