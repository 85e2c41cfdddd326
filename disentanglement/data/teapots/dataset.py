"""3D teapots as a data set: training images, and groups of images that share a factor.

Read from train_data/data.npz and metric_data/data.npz, as the paper's code or 3D_teapot/ made them.
"""

import os
from pathlib import Path

import numpy as np

from disentanglement.binning import equal_width_bins
from disentanglement.data import npz
from disentanglement.data.location import data_folder
from disentanglement.data.teapots import generate
from disentanglement.data.teapots.generate import METRIC, TRAIN
from disentanglement.data.teapots.variants import ALL_COLOR
from disentanglement.errors import UserError

SHARE = 10  # one training image in ten is used by the metrics
_PIECE = 1000  # images read at a time: 98 MB as float64


class Teapots:
    """The data set. Training images are numbered 0 .. N - 1; the metric groups' follow.

    train: uint8 [N, 64, 64, 3]; latents [N, F]; groups: uint8 [M, L, 64, 64, 3]; labels [M]: which
    latent the images of a group share; factor_names: F of them.
    """

    image_shape = (64, 64, 3)

    def __init__(self, train, latents, groups, labels, factor_names):
        self.train, self.latents, self.groups, self.labels = train, latents, groups, labels
        self.factor_names = list(factor_names)

    def __len__(self) -> int:
        return len(self.train)

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """The images [n, 64, 64, 3] of these numbers, float32 in [0, 1]."""
        numbers, n = np.asarray(numbers), len(self.train)
        pixels = np.empty((len(numbers), *self.image_shape), np.float32)
        training = numbers < n
        pixels[training] = self.train[numbers[training]]
        pixels[~training] = self.groups.reshape(-1, *self.image_shape)[numbers[~training] - n]
        return pixels / 255

    @property
    def packed(self) -> np.ndarray:
        """What `unpack` takes, a row per training image: uint8 [N, 64, 64, 3]."""
        return self.train

    def unpack(self, rows):
        """`images` in `keras.ops`, from rows of `packed`."""
        from keras import ops  # the data alone needs no Keras

        return ops.cast(rows, "float32") / 255

    def draw_images(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The paper's protocol: all metric groups, and N / 10 random training images for the rest.

        See `disentanglement.evaluation.evaluate.draw_images`. A latent's classes are 20 bins of
        equal width.
        """
        n = len(self.train)
        sample = rng.choice(n, max(1, n // SHARE), replace=False)
        factors = self.latents[sample]
        return {
            "group": n
            + np.arange(self.groups.shape[0] * self.groups.shape[1]).reshape(self.groups.shape[:2]),
            "group_labels": self.labels,
            "reference": sample,
            "sample": sample,
            "factors": factors,
            "factor_ids": np.stack([equal_width_bins(column) for column in factors.T], axis=1),
            "continuous": np.ones(factors.shape[1], bool),
            "factor_names": self.factor_names,
        }


def load(folder: Path) -> Teapots:
    """The teapots in `folder`. Raises UserError where a file is absent, damaged or not teapots."""
    folder = Path(folder)
    for here, other in ((TRAIN, METRIC), (METRIC, TRAIN)):
        if not (folder / here).exists():
            raise UserError(
                f"{folder / here} is missing"
                + (f", though {other} is there" if (folder / other).exists() else "")
                + ": a set of teapots is both files, of one making"
            )
    train, arrays = _read(folder / TRAIN, ("latents",))
    groups, labels = _read(folder / METRIC, ("labels",))
    latents, labels = arrays["latents"], labels["labels"]
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
            f"{folder / METRIC}: labels go from {labels.min():g} to {labels.max():g}, but "
            f"{TRAIN} has {count} latents: each of 0 .. {count - 1} must be there, and no other"
        )
    names = arrays.get("factor_names", ())
    if len(names) != count:
        names = [f"latent_{i}" for i in range(count)]
    return Teapots(train, latents, groups, labels.astype(np.int64), map(str, names))


def load_for(config, experiment: Path, say=print) -> Teapots:
    """The teapots for a run of the experiment in this folder.

    They are in config.data_dir, or in data/3Dpots beside the experiments. Where there are none,
    config.generate training images are drawn first.

    Raises:
        UserError: There is no set and the config asks for none to be drawn, or a file is damaged.
    """
    folder = data_folder(experiment, config.data_dir, "3Dpots")
    absent = [path for path in (TRAIN, METRIC) if not (folder / path).exists()]
    unfinished = generate.command(folder) if absent else None
    if unfinished or len(absent) == 2:
        _generate(folder, experiment.parent, config, unfinished, say)
    return load(folder)


def _generate(folder, root, config, unfinished, say):
    if config.generate is None:
        if unfinished:
            raise UserError(
                f"{folder} holds an unfinished set of teapots: finish it by: python "
                f"{root / unfinished}"
            )
        script = root / "3D_teapot" / f"generate_teapots_{ALL_COLOR.name}.py"
        raise UserError(
            f"{folder} holds no teapots: make them (3 minutes on two cores, 0.3 GB) by: python "
            f"{script} --out {folder}"
        )
    say(f"teapots: none in {folder}; drawing {config.generate:,} for training now")
    settings = generate.TeapotSet(ALL_COLOR, train=config.generate)
    generate.generate(settings, folder, workers=os.cpu_count() or 1, say=say)


def _read(path, names):
    """imgs as uint8, read in pieces, and the other arrays, as they are."""
    advice = "move it away and make the set again"
    with npz.opened(path, advice) as archive:
        arrays = {}
        for name in (*names, "factor_names"):
            if name in names or f"{name}.npy" in archive.namelist():
                with npz.member(archive, name) as member:
                    arrays[name] = member.read(member.shape[0] if member.shape else 1)
        with npz.member(archive, "imgs") as member:
            return _pixels(member), arrays


def _pixels(member):
    if member.shape[-3:] != Teapots.image_shape or not min(member.shape):
        raise UserError(
            f"{member.path}: imgs are {member.shape}: must be [..., 64, 64, 3], one or more"
        )
    pixels = member.empty(np.uint8)
    rows = max(1, _PIECE // int(np.prod(member.shape[1:-3])))
    for start, piece in member.pieces(rows):
        pixels[start : start + len(piece)] = _as_bytes(member, piece)
    return pixels


def _as_bytes(member, piece):
    """uint8 as it is; the paper's floats, multiples of 1 / 255, as bytes without loss."""
    if piece.dtype == np.uint8:
        return piece
    if piece.dtype.kind != "f":
        raise UserError(
            f"{member.path}: imgs are {piece.dtype}: must be uint8, or floats in [0, 1]"
        )
    if not (piece.min() >= 0 and piece.max() <= 1):  # NaN too
        raise UserError(f"{member.path}: imgs hold values outside [0, 1]: must be uint8, or in it")
    return np.rint(piece * 255)
