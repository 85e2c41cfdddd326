"""The interface between an algorithm and everything else.

An algorithm is a subclass of `Model` in its own file: its networks, its losses, one iteration. The
training loop, resume, exports, pictures, metrics and both engines are shared.
docs/ADDING_A_MODEL.md walks through adding an algorithm.
"""

import abc
import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
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
        constants: Arrays passed in full to every iteration.
    """

    constants: list

    def inputs(self, numbers: np.ndarray) -> np.ndarray:
        """Return the array that a step takes for these image numbers."""

    def images(self, *inputs: Any) -> Any:
        """Return the images of one iteration inside a step, from `constants` and its `inputs`."""


class Model(abc.ABC):
    """The networks and optimisers of an algorithm, and how a batch updates them.

    The initial weights of the networks are drawn here, from config.run.

    Args:
        config: The config of the run.
        networks: By name; the names are part of the checkpoint format.
        optimizers: By name, likewise.
        latent: The distribution of the inputs of `generate`.
    """

    _feed: ImageFeed  # set by `connect`

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

    # ---- an algorithm must define these --------------------------------------------------------

    @abc.abstractmethod
    def draw(self, global_id: int, batch_size: int) -> Sequence[np.ndarray]:
        """Return the random numbers of one iteration.

        They must come from `stream(config.run, purpose, global_id)`, so that a resumed run draws
        the same ones.
        """

    @abc.abstractmethod
    def step(self, images: Any, drawn: Sequence, phase: Any) -> dict:
        """Update the variables with one batch, in `keras.ops`.

        Args:
            images: [N, H, W, C].
            drawn: The tensors of what `draw` returned.
            phase: The value of `phase`, a constant of the compiled step.

        Returns:
            The values to report, by TensorBoard tag.
        """

    @abc.abstractmethod
    def generate(self, latents: np.ndarray) -> np.ndarray:
        """Return images [N, H, W, C] of latents [N, latent.dim]."""

    @abc.abstractmethod
    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return codes [N, latent.num_codes] of images [N, H, W, C].

        An image's code must not depend on the other images of the call.
        """

    @abc.abstractmethod
    def exports(self) -> dict[str, keras.Model]:
        """Return plain Keras models, by file name; a finished run saves them."""

    # ---- an algorithm may override these -------------------------------------------------------

    # The values on the progress line: label -> TensorBoard tag in the dictionary `step` returns.
    progress: ClassVar[Mapping[str, str]] = {}

    def name_after(self, batches: int) -> str:
        """Return the model's name in tables after this many batches: the paper's, if it has one."""
        return type(self).__name__

    def learned_by(self, optimizer: str) -> list:
        """Return the variables that an optimiser updates.

        By default, they are those of the network of the same name.
        """
        return self.networks[optimizer].trainable_variables

    def phase(self, global_id: int) -> Hashable:
        """Return what the compiled step depends on; `step` is compiled once per value."""
        return None

    def changes_before(self, global_id: int) -> bool:
        """Whether anything scheduled happens at this batch.

        That is: `start_batch` changes anything, `snapshot_before` is true, or `phase` changes.
        """
        return False

    def start_batch(self, global_id: int) -> None:  # noqa: B027  (most have nothing to do)
        """Make the changes scheduled for the start of this batch."""

    def snapshot_before(self, global_id: int) -> bool:
        """Whether to keep a checkpoint of the model as it is before this batch."""
        return False

    def schedule_report(self, global_id: int) -> dict[str, float]:
        """Return the scheduled values to report, by TensorBoard tag."""
        return {}

    def trouble(self, report: Mapping[str, np.ndarray]) -> str | None:
        """Return what is wrong if this batch's report shows a failure of training, or None.

        Single batches may do so in a healthy run; see training/watch.py.
        """
        return None

    def reconstruct(self, images: np.ndarray) -> np.ndarray | None:
        """Return reconstructions of images, for the sample grids; None if there are none."""
        return None

    def best_codes(self, images: np.ndarray) -> np.ndarray:
        """Return the codes that describe images best, without noise; by default those scored."""
        return self.encode(images)

    def code_distribution(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return means and log variances [N, K] of the codes of images; None if codes have none.

        By default, they are the two outputs of a network that is called "encoder".
        """
        encoder = self.networks.get("encoder")
        if encoder is None or [len(x.shape) for x in encoder.outputs] != [2, 2]:
            return None
        mean, log_variance = np.split(self._distribution(images), 2, axis=1)
        return mean, log_variance

    @functools.cached_property
    def _distribution(self) -> Callable[[np.ndarray], np.ndarray]:
        """The network "encoder": images -> means and log variances side by side, [N, 2 K]."""
        encoder = self.networks["encoder"]
        both = keras.layers.Concatenate()(encoder.outputs)
        return engine.compile_inference(keras.Model(encoder.input, both))

    def record_entries(self) -> dict[str, Any]:
        """Return what score records should say about the model besides its config."""
        return {}

    # ---- the training loop calls these ---------------------------------------------------------

    @property
    def variables(self) -> list:
        """The whole state: weights, moving averages, u vectors and the optimisers' moments."""
        owners = [*self.networks.values(), *self.optimizers.values()]
        return [variable for owner in owners for variable in owner.variables]

    def connect(self, feed: ImageFeed) -> None:
        """Take the images of `train_block` from `feed`."""
        self._feed = feed
        self._compiled.cache_clear()
        self._compiled_stack.cache_clear()

    def train_block(self, rows: np.ndarray, first: int) -> dict[str, np.ndarray]:
        """Run consecutive iterations in one compiled call; call `connect` first.

        Args:
            rows: The image numbers of each batch, [n, batch_size].
            first: The number of the first batch. `changes_before` must be False for the others.

        Returns:
            The reports as arrays, with the iterations on the first axis.
        """
        block, arrays = Model.block([self], [rows], first)
        report = block(*arrays)
        return report | self._scheduled(first, len(rows))

    @staticmethod
    def train_stack(
        models: Sequence["Model"], rows: Sequence[np.ndarray], first: int
    ) -> list[dict[str, np.ndarray]]:
        """Call `train_block` on several models at once (JAX); configs may differ in `run` only.

        Args:
            models: The models.
            rows: The image numbers for each model.
            first: The number of the first batch.
        """
        leader = models[0]
        block, arrays = Model.block(models, rows, first)
        report = block(*arrays)
        scheduled = leader._scheduled(first, len(rows[0]))
        return [{k: v[i] for k, v in report.items()} | scheduled for i in range(len(models))]

    @staticmethod
    def block(
        models: Sequence["Model"], rows: Sequence[np.ndarray], first: int
    ) -> tuple[Any, list[np.ndarray]]:
        """Return what `train_block`, or `train_stack` for several models, calls, and with what.

        Returns:
            The compiled block of the engine, and its arrays.
        """
        leader = models[0]
        phase = leader.phase(first)
        if len(models) == 1:
            return leader._compiled(phase), leader._arrays(rows[0], first)
        arrays = zip(*(m._arrays(r, first) for m, r in zip(models, rows, strict=True)), strict=True)
        return leader._compiled_stack(tuple(models), phase), list(map(np.stack, arrays))

    def _arrays(self, rows, first):
        n, size = rows.shape
        drawn = zip(*(self.draw(g, size) for g in range(first, first + n)), strict=True)
        return [self._feed.inputs(rows), *map(np.stack, drawn)]

    def _scheduled(self, first, n):
        values = self.schedule_report(first)
        return {name: np.full(n, value, np.float32) for name, value in values.items()}

    @functools.cache  # noqa: B019  (a model lives as long as its process)
    def _compiled(self, phase):
        step, constants = self._step(phase), self._feed.constants
        return engine.compile_block(step, self.variables, constants, self.config.tf32)

    @functools.cache  # noqa: B019
    def _compiled_stack(self, models, phase):
        step, constants = self._step(phase), self._feed.constants
        variables = [model.variables for model in models]
        return engine.compile_stack(step, variables, constants, self.config.tf32)

    def _step(self, phase):
        constants = len(self._feed.constants)

        def step(*inputs):
            images = self._feed.images(*inputs[: constants + 1])
            return self.step(images, inputs[constants + 1 :], phase)

        return step


def adam(learning_rate: float, beta_1: float, beta_2: float) -> keras.optimizers.Adam:
    """Return Adam as in TensorFlow 1: epsilon 1e-8, outside the root, after bias correction."""
    return engine.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8)
