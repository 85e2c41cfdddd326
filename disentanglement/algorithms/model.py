"""What an algorithm is to the training loop: the interface that all of them meet.

An algorithm is a subclass in a file of its own: its networks, its losses, one iteration. Everything
else (loop, resume, exports, pictures, metrics, both engines) is shared; docs/ADDING_A_MODEL.md adds
one step by step.
"""

import abc
import functools
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import keras
import numpy as np

from disentanglement import engine
from disentanglement.algorithms.latent import JointLatent
from disentanglement.config import TrainingConfig
from disentanglement.networks.layers import initialize
from disentanglement.streams import stream


class ImageFeed(Protocol):
    """How images reach a compiled step (`training.feed.Feed`).

    Attributes:
        constants: Arrays that every iteration sees whole.
    """

    constants: list

    def inputs(self, numbers: np.ndarray) -> np.ndarray:
        """Return what a step takes for these image numbers."""

    def images(self, *inputs: Any) -> Any:
        """Within a step: the images, from the constants and one iteration's `inputs`."""


class Model(abc.ABC):
    """The state of an algorithm, and how batches change it.

    networks, optimizers: by name, which is part of the checkpoint format. latent: what `generate`
    takes. The networks' first weights are drawn here, from config.run.
    """

    def __init__(
        self,
        config: TrainingConfig,
        networks: dict[str, keras.Model],
        optimizers: dict[str, keras.Optimizer],
        latent: JointLatent,
    ):
        self.config, self.latent = config, latent
        self.networks, self.optimizers = networks, optimizers
        for name, network in networks.items():
            initialize(network, stream(config.run, f"weights of {name}"))
        for name, optimizer in optimizers.items():
            optimizer.build(self.learned_by(name))

    # ---- what an algorithm must say ------------------------------------------------------------

    @abc.abstractmethod
    def draw(self, global_id: int, batch_size: int) -> Sequence[np.ndarray]:
        """The random numbers of one iteration, from `stream(config.run, purpose, global_id)`."""

    @abc.abstractmethod
    def step(self, images, drawn: Sequence, phase: Hashable) -> dict:
        """One iteration in `keras.ops`: updates variables, returns {TensorBoard tag: value}.

        images [N, H, W, C]; drawn: what `draw` gave; phase: what `phase` gave, a constant here.
        """

    @abc.abstractmethod
    def generate(self, latents: np.ndarray) -> np.ndarray:
        """Images [N, H, W, C] of latents [N, latent.dim]."""

    @abc.abstractmethod
    def encode(self, images: np.ndarray) -> np.ndarray:
        """Codes [N, latent.num_codes] of images [N, H, W, C]: a function of the images alone."""

    @abc.abstractmethod
    def exports(self) -> dict[str, keras.Model]:
        """Plain Keras models to leave at a run's end, by file name."""

    def name_after(self, batches: int) -> str:
        """What tables call the model after so many batches; the paper's name, if it has one."""
        return type(self).__name__

    # ---- what it may say -----------------------------------------------------------------------

    # What the progress line shows: label -> TensorBoard tag of a value of `step`'s report.
    progress: ClassVar[Mapping[str, str]] = {}

    def learned_by(self, optimizer: str) -> list:
        """The variables of an optimiser; those of the network of its name."""
        return self.networks[optimizer].trainable_variables

    def phase(self, global_id: int) -> Hashable:
        """What of the schedule is compiled in; the step is compiled once per value."""
        return None

    def changes_before(self, global_id: int) -> bool:
        """Whether `start_batch` or `snapshot_before` has anything to do there, or phase changes."""
        return False

    def start_batch(self, global_id: int) -> None:  # noqa: B027  (most have nothing to do)
        """Make the changes that a schedule plans for the start of batch global_id."""

    def snapshot_before(self, global_id: int) -> bool:
        """Whether the model as it is before batch global_id is to be kept."""
        return False

    def schedule_report(self, global_id: int) -> dict[str, float]:
        """Scheduled values, for TensorBoard."""
        return {}

    def reconstruct(self, images: np.ndarray) -> np.ndarray | None:
        """Images as the model sees them again, for pictures beside the originals, if it can."""
        return None

    def about(self) -> dict[str, Any]:
        """What records of scores are to say of the model beside its config."""
        return {}

    # ---- what the training loop calls ----------------------------------------------------------

    @property
    def variables(self) -> list:
        """All state: weights, averages, u vectors and the optimisers' moments."""
        owners = [*self.networks.values(), *self.optimizers.values()]
        return [variable for owner in owners for variable in owner.variables]

    def connect(self, feed: ImageFeed) -> None:
        """Choose where `train_block` takes its images from."""
        self._feed = feed
        self._compiled.cache_clear()
        self._compiled_stack.cache_clear()

    def train_block(self, rows: np.ndarray, first: int) -> dict[str, np.ndarray]:
        """The iterations first .. first + n - 1 on the images numbered rows [n, batch_size].

        Nothing may change before any of them but the first (`changes_before`). Returns the
        reports as NumPy values, each with an axis [n] before its own.
        """
        report = self._compiled(self.phase(first))(*self._arrays(rows, first))
        return report | self._scheduled(first, len(rows))

    @staticmethod
    def train_stack(models: list["Model"], rows: list, first: int) -> list[dict]:
        """`train_block` of several models at once: configs that differ in `run` only. JAX."""
        lead = models[0]
        compiled = lead._compiled_stack(tuple(models), lead.phase(first))
        arrays = zip(*(m._arrays(r, first) for m, r in zip(models, rows, strict=True)), strict=True)
        report = compiled(*map(np.stack, arrays))
        extra = lead._scheduled(first, len(rows[0]))
        return [{k: v[i] for k, v in report.items()} | extra for i in range(len(models))]

    def _arrays(self, rows, first):
        n, size = rows.shape
        drawn = zip(*(self.draw(g, size) for g in range(first, first + n)), strict=True)
        return [self._feed.inputs(rows), *map(np.stack, drawn)]

    def _scheduled(self, first, n):
        values = self.schedule_report(first)
        return {name: np.full(n, value, np.float32) for name, value in values.items()}

    @functools.cache  # noqa: B019  (one model lives as long as its process)
    def _compiled(self, phase):
        return engine.compile_block(self._step(phase), self.variables, self._feed.constants)

    @functools.cache  # noqa: B019
    def _compiled_stack(self, models, phase):
        variables = [model.variables for model in models]
        return engine.compile_stack(self._step(phase), variables, self._feed.constants)

    def _step(self, phase):
        constants = len(self._feed.constants)

        def step(*inputs):
            images = self._feed.images(*inputs[: constants + 1])
            return self.step(images, inputs[constants + 1 :], phase)

        return step


def adam(learning_rate: float, beta_1: float, beta_2: float) -> keras.optimizers.Adam:
    """Adam as in TensorFlow 1: epsilon 1e-8, outside the root and after bias correction."""
    return keras.optimizers.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8)
