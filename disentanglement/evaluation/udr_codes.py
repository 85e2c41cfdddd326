"""The codes that UDR compares: of 1,000 images of the data set, the same for all runs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from disentanglement.data.dataset import Dataset
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.evaluation.codes import ABOUT
from disentanglement.evaluation.cross_scores import Candidate
from disentanglement.evaluation.encoding import checked_codes
from disentanglement.files import atomic_path, keep_old
from disentanglement.selection.udr import IMAGES, informative_by_kl, kl_from_prior
from disentanglement.streams import stream

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

FILE = "udr_codes.npz"
KL = "kl"  # the array with each latent's mean KL from the prior
SEED = 0  # of the choice of images


@dataclass(frozen=True)
class Codes:
    """A model's codes of the images, as `udr` takes them.

    Attributes:
        codes: [n, K]; of a model whose codes have a distribution, the means.
        kl: [K], the mean KL from the prior; None if codes have no distribution.
    """

    codes: np.ndarray
    kl: np.ndarray | None = None

    @property
    def informative(self) -> np.ndarray | None:
        """Which latents UDR uses; None for all."""
        return None if self.kl is None else informative_by_kl(self.kl)


def write(path: Path, candidate: Candidate, dataset: Dataset) -> None:
    """Encode the images with a model, and save its codes; codes of other weights are set aside.

    Raises:
        UserError: The data set is not the one that the model was trained on; codes, or their KL,
            are NaN or infinite.
    """
    from disentanglement.training import feed  # imports Keras

    feed.check_same(Path(candidate.name), dict(candidate.data), dataset)
    found = encode(candidate.load(), dataset)
    for name, array in (("a code", found.codes), ("a KL of codes", found.kl)):
        if array is not None and not np.isfinite(array).all():
            raise UserError(
                f"{candidate.name}: its encoder makes {name} that is NaN or infinite: leave the "
                "run out"
            )
    save(path, candidate, found)


def encode(model: "Model", dataset: Dataset) -> Codes:
    """Return the codes of 1,000 images of the data set (all, if it has fewer), in their order."""
    rng, n = stream(SEED, "images for UDR"), len(dataset)
    images = dataset.images(np.sort(rng.choice(n, min(n, IMAGES), replace=False)))
    if (distribution := model.code_distribution(images)) is None:
        return Codes(checked_codes(model.encode, images))
    return Codes(distribution[0], kl_from_prior(*distribution))


def save(path: Path, candidate: Candidate, found: Codes) -> None:
    """Write a model's codes; codes of other weights are set aside."""
    if path.exists():
        keep_old(path)
    arrays: dict[str, Any] = {
        "codes": found.codes,
        ABOUT: np.array(json.dumps(_identity(candidate))),
    }
    if found.kl is not None:
        arrays[KL] = found.kl
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def read(path: Path, candidate: Candidate) -> Codes | None:
    """Return the codes in a file; None if there is none, or if it is about other weights.

    Raises:
        UserError: The file is damaged.
    """
    if not path.exists():
        return None
    try:
        with (
            os_errors_in_one_line(path),
            path.open("rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            if json.loads(str(archive[ABOUT])) != _identity(candidate):
                return None
            return Codes(archive["codes"], archive.get(KL))
    except Exception as error:  # zipfile, zlib, NumPy and json raise many kinds
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: damaged ({error}): remove it and run again") from error


def _identity(candidate: Candidate) -> dict:
    return {"name": candidate.name, "weights": candidate.weights, "seed": SEED}
