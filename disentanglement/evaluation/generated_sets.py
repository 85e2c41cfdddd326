"""Labelled sets that a generator makes: groups of images that share one code, and random images.

ModelCentrality scores every encoder on them as if the shared code were a known factor.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.evaluation.encoding import Encoder, checked_codes
from disentanglement.evaluation.paper import SHARE
from disentanglement.streams import stream

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.latent import JointLatent
    from disentanglement.algorithms.model import Model

GROUPS_PER_CODE, GROUP_SIZE = 100, 100  # the paper: 500 groups for 5 codes, 1,000 for 10
LEAST_REFERENCE = 10_000  # images; a tenth of CdSprites would be 108
MEMORY_GB = 4.0  # what a set may take in memory; a larger one is kept on disk
_CHUNK = 4096  # images generated or encoded in one call
_FILE = ".generated_set.npy"
_PURPOSE = "labelled set of a generator"

Advance = Callable[[int], object]  # called with the number of images that have been processed


@dataclass(frozen=True)
class SetSize:
    """How many images a set has.

    Attributes:
        groups: Groups of images that share a code.
        group_size: Images in a group.
        reference: Images of random latents.
    """

    groups: int
    group_size: int
    reference: int

    @classmethod
    def of(
        cls, num_codes: int, images: int, groups: int | None = None, reference: int | None = None
    ) -> "SetSize":
        """Return the size for models of so many codes, trained on so many images.

        Args:
            num_codes: K.
            images: The size of the data set.
            groups: Instead of the paper's 100 for each code.
            reference: Instead of a tenth of the data set, or 10,000.

        Raises:
            UserError: There are fewer groups than codes.
        """
        if groups is not None and groups < num_codes:
            raise UserError(
                f"--groups {groups}: too few, as each of the {num_codes} codes needs a group: take "
                f"a multiple of {num_codes}"
            )
        return cls(
            groups or GROUPS_PER_CODE * num_codes,
            GROUP_SIZE,
            reference or max(images // SHARE, LEAST_REFERENCE),
        )

    @property
    def images(self) -> int:
        """How many images that is."""
        return self.groups * self.group_size + self.reference

    def record(self) -> dict[str, int]:
        """Return the size as records hold it."""
        return asdict(self)


@dataclass(frozen=True)
class GeneratedSet:
    """A set that a generator has made.

    Attributes:
        images: float32 [groups * group_size + reference, H, W, C], the groups first.
        labels: [groups], the code that the images of each group share.
        size: Its size.
    """

    images: np.ndarray
    labels: np.ndarray
    size: SetSize

    def encode(self, encode: Encoder, advance: Advance) -> dict[str, np.ndarray]:
        """Return the arrays that the FactorVAE metric takes, of this encoder."""
        parts = []
        for start in range(0, len(self.images), _CHUNK):
            parts.append(checked_codes(encode, np.asarray(self.images[start : start + _CHUNK])))
            advance(len(parts[-1]))
        codes, count = np.concatenate(parts), self.size.groups * self.size.group_size
        return {
            "group_codes": codes[:count].reshape(self.size.groups, self.size.group_size, -1),
            "group_labels": self.labels,
            "reference_codes": codes[count:],
        }


def draw_latents(latent: "JointLatent", seed: int, size: SetSize) -> tuple[np.ndarray, np.ndarray]:
    """Draw the latents of a set from the prior, and copy the shared code of each group.

    Returns:
        Latents [size.images, dim], of the groups first, and the label of each group: group i shares
        code i mod K, at the value of its first row.
    """
    latents = latent.sample(stream(seed, _PURPOSE), size.images)
    labels = np.arange(size.groups) % latent.num_codes
    count = size.groups * size.group_size
    groups = latents[:count].reshape(size.groups, size.group_size, -1)  # a view
    rows = np.arange(size.groups)
    groups[rows, :, labels] = groups[rows, 0, labels][:, None]
    return latents, labels


@contextlib.contextmanager
def generated_set(
    model: "Model",
    size: SetSize,
    folder: Path,
    memory_gb: float = MEMORY_GB,
    advance: Advance = lambda count: None,
) -> Iterator[GeneratedSet]:
    """Make a model's set, which depends on its weights and its config's `run` alone.

    Args:
        model: The model.
        size: The set's size.
        folder: The run's folder, where the set is kept while the block runs if it takes more than
            `memory_gb`.
        memory_gb: How much memory it may take, in GB. Where it is kept does not change it.
        advance: Called with the number of images made.

    Raises:
        UserError: The model makes pixels that are not finite, or the file cannot be written.
    """
    latents, labels = draw_latents(model.latent, model.config.run, size)
    chunks = _generated(model, latents, folder.name, advance)
    first = next(chunks)
    shape = (size.images, *first.shape[1:])
    path = folder / _FILE
    path.unlink(missing_ok=True)  # of a process that was killed
    try:
        if 4 * np.prod(shape, dtype=float) > memory_gb * 1e9:
            images = _on_disk(path, shape, itertools.chain([first], chunks))
        else:
            images = np.empty(shape, np.float32)
            start = 0
            for chunk in itertools.chain([first], chunks):
                images[start : start + len(chunk)] = chunk
                start += len(chunk)
        yield GeneratedSet(images, labels, size)
    finally:
        path.unlink(missing_ok=True)


def _generated(
    model: "Model", latents: np.ndarray, name: str, advance: Advance
) -> Iterator[np.ndarray]:
    """Generate the images of latents, part by part; `advance` is called for each part."""
    for start in range(0, len(latents), _CHUNK):
        images = np.asarray(model.generate(latents[start : start + _CHUNK]), np.float32)
        if not np.isfinite(images).all():
            raise UserError(
                f"{name}: its generator makes NaN or infinite pixels: leave the run out"
            )
        advance(len(images))
        yield images


def _on_disk(path: Path, shape: tuple[int, ...], chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Write images [shape] to a file, and return them mapped into memory.

    Not by writing into the map: on a full disk, that would kill the process without a word.
    """
    with os_errors_in_one_line(path):
        with path.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in chunks:
                file.write(chunk.astype("<f4").tobytes())
        return np.load(path, mmap_mode="r", allow_pickle=False)
