"""Labelled sets that a generator makes: groups of images that share one code, and random images.

ModelCentrality scores every encoder on them as if the shared code were a known factor.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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
        """
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
        folder: Where the set is kept while the block runs, if it takes more than `memory_gb`.
        memory_gb: How much memory it may take, in GB. Where it is kept does not change it.
        advance: Called with the number of images made.
    """
    latents, labels = draw_latents(model.latent, model.config.run, size)
    first = model.generate(latents[:_CHUNK])
    shape = (size.images, *first.shape[1:])
    path = folder / _FILE
    path.unlink(missing_ok=True)  # of a process that was killed
    on_disk = 4 * np.prod(shape, dtype=float) > memory_gb * 1e9
    try:
        images: np.ndarray = (
            np.lib.format.open_memmap(path, "w+", np.float32, shape)
            if on_disk
            else np.empty(shape, np.float32)
        )
        for start in range(0, size.images, _CHUNK):
            rows = latents[start : start + _CHUNK]
            images[start : start + len(rows)] = model.generate(rows) if start else first
            advance(len(rows))
        yield GeneratedSet(images, labels, size)
    finally:
        path.unlink(missing_ok=True)
