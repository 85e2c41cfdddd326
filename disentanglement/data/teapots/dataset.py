"""3D teapots as a data set: training images, and groups of images that share a factor.

They are read from train_data/data.npz and metric_data/data.npz, made by the scripts in 3D_teapot/
or by the paper's code.
"""

import shlex
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from disentanglement.binning import equal_width_bins
from disentanglement.data import npz
from disentanglement.data.dataset import MetricImages
from disentanglement.data.fit import as_bytes
from disentanglement.data.location import GeneratedDataConfig, listed, searched
from disentanglement.data.teapots import generate
from disentanglement.data.teapots.generate import METRIC, TRAIN
from disentanglement.data.teapots.variants import ALL_COLOR
from disentanglement.errors import UserError
from disentanglement.wording import counted

_SAMPLE_SHARE = 10  # one training image in ten has its factors used by the metrics
_CHUNK = 1000  # images read at a time: 98 MB as float64


class Teapots:
    """Training images are numbered 0 .. N - 1, and those of the metric groups from N on.

    Attributes:
        train: uint8 [N, 64, 64, 3].
        latents: [N, F], those of the training images.
        groups: uint8 [M, L, 64, 64, 3].
        labels: [M], the latent that the images of a group share.
        factor_names: F names.
    """

    image_shape = (64, 64, 3)

    def __init__(
        self,
        train: np.ndarray,
        latents: np.ndarray,
        groups: np.ndarray,
        labels: np.ndarray,
        factor_names: Iterable[str],
    ):
        self.train, self.latents, self.groups, self.labels = train, latents, groups, labels
        self.factor_names = list(factor_names)

    def __len__(self) -> int:
        return len(self.train)

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """Return the images [n, 64, 64, 3] with these numbers [n], float32 in [0, 1]."""
        numbers, n = np.asarray(numbers), len(self.train)
        pixels = np.empty((len(numbers), *self.image_shape), np.float32)
        training = numbers < n
        pixels[training] = self.train[numbers[training]]
        pixels[~training] = self.groups.reshape(-1, *self.image_shape)[numbers[~training] - n]
        return pixels / 255

    @property
    def packed(self) -> np.ndarray:
        """The training images as bytes, uint8 [N, 64, 64, 3]; see `unpack`."""
        return self.train

    def unpack(self, rows: Any) -> Any:
        """Return the images of rows of `packed`, computed with `keras.ops`."""
        from keras import ops  # the data alone needs no Keras

        return ops.cast(rows, "float32") / 255

    def metric_checksum(self) -> str:
        """Return a checksum of the latents, the metric groups and their labels."""
        checksum = 0
        for array in map(np.ascontiguousarray, (self.latents, self.groups, self.labels)):
            checksum = zlib.crc32(repr(array.shape).encode(), checksum)
            checksum = zlib.crc32(array.data, checksum)
        return f"{checksum:08x}"

    def factor_table(self) -> tuple[np.ndarray, Sequence[str]]:
        """Return all training images' latents in 20 bins of equal width, [N, F], and names."""
        return np.stack([equal_width_bins(c) for c in self.latents.T], axis=1), self.factor_names

    def draw_images(self, rng: np.random.Generator) -> MetricImages:
        """Draw the images of the paper's protocol: all groups, and N / 10 random training images.

        The latter are both the reference and the sample; see
        `disentanglement.evaluation.evaluate.draw_images`. The classes of a latent are 20 bins of
        equal width.
        """
        n, (groups, group_size) = len(self.train), self.groups.shape[:2]
        sample = rng.choice(n, max(1, n // _SAMPLE_SHARE), replace=False)
        factors = self.latents[sample]
        return {
            "group": n + np.arange(groups * group_size).reshape(groups, group_size),
            "group_labels": self.labels,
            "reference": sample,
            "sample": sample,
            "factors": factors,
            "factor_ids": np.stack([equal_width_bins(column) for column in factors.T], axis=1),
            "continuous": np.ones(factors.shape[1], bool),
            "factor_names": self.factor_names,
        }


def load(folder: Path) -> Teapots:
    """Load the set in `folder`. Raises UserError if a file is missing, damaged or not teapots."""
    folder = Path(folder)
    for here, other in ((TRAIN, METRIC), (METRIC, TRAIN)):
        if not (folder / here).exists():
            raise UserError(
                f"{folder / here} is missing"
                + (f", though {other} is there" if (folder / other).exists() else "")
                + ": a set of teapots is both files, generated together"
            )
    train, arrays = _read(folder / TRAIN, ("latents",))
    groups, metric_arrays = _read(folder / METRIC, ("labels",))
    latents, labels = arrays["latents"], metric_arrays["labels"]
    _check(folder, train, latents, groups, labels)
    count = latents.shape[1]
    names: Sequence[str] = [str(name) for name in arrays.get("factor_names", ())]
    if len(names) != count:
        names = [f"latent_{i}" for i in range(count)]
    return Teapots(train, latents, groups, labels.astype(np.int64), names)


def find(config: GeneratedDataConfig, experiment: Path) -> Path:
    """Return the folder of a run's teapots; if the set is missing, it is to be generated there.

    Raises:
        UserError: There is no whole set, and the config does not ask to generate one; the message
            gives the command that does.
    """
    folders = data_folders(experiment, config.data_dir)
    folder = next(filter(_is_begun, folders), folders[-1])
    if config.generate is not None or not _needs_generating(folder):
        return folder
    root = Path(experiment).resolve().parent
    unfinished = generate.resume_command(folder)
    script, *options = unfinished or (generate.script(ALL_COLOR), "--out", str(folder))
    command = shlex.join(["python", str(root / script), *options])
    if unfinished:
        raise UserError(f"{folder} holds an unfinished set of teapots: finish it with: {command}")
    raise UserError(
        f"no teapots in {listed(folders)}: generate them (3 minutes on two cores, 0.3 GB) with: "
        f"{command}"
    )


def data_folders(experiment: Path, data_dir: str | Path | None = None) -> list[Path]:
    """Return the folders that an experiment searches for teapots; see `location.searched`."""
    return searched(experiment, data_dir, "3Dpots")


def load_for(
    config: GeneratedDataConfig, experiment: Path, say: Callable[[str], None] = print
) -> Teapots:
    """Load the teapots for a run, or generate them first if the config asks for it.

    Reads the folder that `find` returns. If there is no set, generates one there with
    config.generate training images.

    Args:
        config: The run's config.
        experiment: The experiment's folder.
        say: Called with lines for the user: which folder is used, and what is rendered.

    Raises:
        UserError: There is no set and the config asks for none to be generated, or a file is
            damaged.
    """
    folder = find(config, experiment)
    if _needs_generating(folder):
        assert config.generate is not None, "`find` has checked it"
        say(f"teapots: none in {folder}; rendering {config.generate:,} for training now")
        spec = generate.TeapotSet(ALL_COLOR, train=config.generate)
        generate.generate(spec, folder, workers=joblib.cpu_count(), say=say)
    data = load(folder)
    say(f"teapots from {folder}")
    return data


def _is_begun(folder: Path) -> bool:
    """Return whether `folder` holds a set of teapots or a part of one."""
    return (
        any((folder / path).exists() for path in (TRAIN, METRIC))
        or generate.resume_command(folder) is not None
    )


def _needs_generating(folder: Path) -> bool:
    """Return whether there is no set; one of a user's own that lacks a file is a mistake."""
    missing = [path for path in (TRAIN, METRIC) if not (folder / path).exists()]
    unfinished = bool(missing) and generate.resume_command(folder) is not None
    return unfinished or len(missing) == 2


def _check(
    folder: Path, train: np.ndarray, latents: np.ndarray, groups: np.ndarray, labels: np.ndarray
) -> None:
    """Raise UserError unless the arrays of both files fit together."""
    for path, name, array in ((TRAIN, "latents", latents), (METRIC, "labels", labels)):
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise UserError(f"{folder / path}: {name} must be finite numbers ({array.dtype})")
    if train.ndim != 4 or latents.ndim != 2 or len(latents) != len(train):
        raise UserError(
            f"{folder / TRAIN}: imgs are {train.shape} and latents {latents.shape}: must be "
            "[N, 64, 64, 3] and [N, F]"
        )
    if groups.ndim != 5 or labels.shape != groups.shape[:1]:
        raise UserError(
            f"{folder / METRIC}: imgs are {groups.shape} and labels {labels.shape}: must be "
            "[M, L, 64, 64, 3] and [M]"
        )
    count = latents.shape[1]
    if set(np.unique(labels)) != set(range(count)):
        raise UserError(
            f"{folder / METRIC}: labels range from {labels.min():g} to {labels.max():g}, but "
            f"{TRAIN} has {counted(count, 'latent')}: each of 0 .. {count - 1} must occur, and no "
            "other"
        )


def _read(path: Path, names: Sequence[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return imgs as uint8, and the arrays `names` (and factor_names if present) as they are."""
    advice = "move it away and generate the set again"
    with npz.open_npz(path, advice) as archive:
        arrays = {}
        for name in (*names, "factor_names"):
            if name in names or f"{name}.npy" in archive.namelist():
                with npz.open_array(archive, name) as array:
                    arrays[name] = array.read(array.shape[0] if array.shape else 1)
        with npz.open_array(archive, "imgs") as array:
            return _read_pixels(array), arrays


def _read_pixels(array: npz.ArrayReader) -> np.ndarray:
    if array.shape[-3:] != Teapots.image_shape or not min(array.shape):
        raise UserError(
            f"{array.path}: imgs are {array.shape}: must be [..., 64, 64, 3], one or more"
        )
    pixels = array.allocate(np.uint8)
    rows = max(1, _CHUNK // int(np.prod(array.shape[1:-3])))
    for start, chunk in array.chunks(rows):
        pixels[start : start + len(chunk)] = as_bytes(array, chunk)
    return pixels
