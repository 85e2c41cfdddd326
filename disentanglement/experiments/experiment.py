"""An experiment: what its folder provides, and what can be done with it."""

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disentanglement.config import TrainingConfig
from disentanglement.data import sets
from disentanglement.data.dataset import Dataset
from disentanglement.data.fit import ImageFormat
from disentanglement.errors import UserError
from disentanglement.evaluation.protocols import PAPER
from disentanglement.experiments import grid
from disentanglement.experiments.grid import Settled

if TYPE_CHECKING:  # these import Keras or scikit-learn, and `main.py --list` should be quick
    from disentanglement.algorithms.model import Model
    from disentanglement.evaluation.metric_lists import MetricLists

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What an experiment's folder provides. Its file in gan/ defines one, named EXPERIMENT.

    Attributes:
        folder: The experiment's folder; relative paths in its configs start there.
        task: The name of the scripts that process one run: <task>.py trains it,
            <task>_final_metrics.py scores it, <task>_generate_latent_trans.py draws its latent
            traversals.
        schema: The dataclass of its config keys; see `disentanglement.config`.
        num_images: The size of the data set, to check a config before anything is loaded.
        build: Returns the untrained model of a config. Its weights depend only on `config.run`.
        find_data: Looks for the data set without loading it, given the config and the folder.
            Raises UserError if there is none, so that a grid reports it once.
        load_data: Returns the data set, given the config, the folder and a function that prints a
            line. Raises UserError if there is none.
        metrics: Returns the lists of metrics.
        data_name: What `--set data=` calls the experiment's own data set, see `data.sets`.
        images: What the networks take, where `--set data=` names another data set.
        data_may_be_missing: Whether a set that `--set data=` names need not be there: to show the
            states of runs, for example. Nothing can be loaded then.
    """

    folder: Path
    task: str
    schema: type[TrainingConfig]
    num_images: int
    build: Callable[[Any], "Model"]
    load_data: Callable[[Any, Path, Callable[[str], None]], Dataset]
    metrics: Callable[[], "MetricLists"]
    find_data: Callable[[Any, Path], object] = lambda config, folder: None
    data_name: str = ""
    images: ImageFormat = field(default_factory=ImageFormat)
    data_may_be_missing: bool = False

    def grid(self, path: Path | None = None, overrides: Sequence[str] = ()) -> grid.Grid:
        """Read and check a config file of this experiment (default: config.py); see `grid.load`."""
        path = path or self.folder / "config.py"
        return grid.load(path, self.schema, self.num_images, overrides, self._settle)

    def _settle(self, config: TrainingConfig) -> Settled:
        """Return a config as runs keep it, given one whose `data` may be a path; and its images.

        `data` becomes the set's name (None for the experiment's own), `data_dir` its folder unless
        the name tells it, and `channels` the number that the networks are built for.

        Raises:
            UserError: There is no such data set, or `channels` was set by hand.
        """
        if config.data is None:
            if config.channels is not None:
                raise UserError("channels follow from the data: leave the key out")
            return config, self.num_images
        if config.data.lower() == self.data_name:
            return replace(config, data=None, channels=None), self.num_images
        found = self._source(config)
        assert found is not None
        folder = config.data_dir if found.folder is None else str(found.folder)
        channels = self.images.shape(found.shape)[-1] if found.shape else None
        if config.channels not in (None, channels):
            raise UserError(f"channels {config.channels}: {found.name} is seen in {channels}")
        config = replace(config, data=found.name, data_dir=folder, channels=channels)
        return config, found.images or config.batch_size  # if unknown, training will check it

    def num_images_of(self, config: TrainingConfig) -> int:
        """Return how many images a run trains on, as far as is known before it loads them.

        0 if they are unknown because the data are missing.
        """
        if images := self.counted_images(config):
            return images
        return 0 if self.data_may_be_missing and self.missing(config) else self.num_images

    def find(self, config: TrainingConfig) -> None:
        """Raise UserError if a run's data cannot be found."""
        if self._source(config) is None:
            self.find_data(config, self.folder)

    def load(self, config: TrainingConfig, say: Callable[[str], None] = print) -> Dataset:
        """Load a run's data set; `say` is called with lines for the user."""
        if found := self._source(config):
            return found.dataset(self.images, say)
        return self.load_data(config, self.folder, say)

    def metric_lists(self, config: TrainingConfig) -> "MetricLists":
        """Return the lists of metrics for a run's data: those that cannot see them say why."""
        lists, found = self.metrics(), self._source(config)
        if found is None:
            return lists
        shapes = found.name == sets.DSPRITES
        return lists.fitting(
            found.name, shapes, found.labelled, (self.images.low, self.images.high)
        )

    def _source(self, config: TrainingConfig) -> sets.DataSource | None:
        """Return the data set that a config names, None if it is the experiment's own."""
        if config.data is None:
            return None
        try:
            return _found(config.data, config.data_dir, self.folder)
        except UserError:
            if not self.data_may_be_missing:
                raise
            return sets.absent(config.data)

    def missing(self, config: TrainingConfig) -> str:
        """Return why the data set that a config names cannot be found, '' if it can."""
        try:
            replace(self, data_may_be_missing=False)._source(config)
        except UserError as error:
            return str(error)
        return ""

    def counted_images(self, config: TrainingConfig) -> int | None:
        """Return how many images the set that a config names has, if that is known by now."""
        found = self._source(config)
        return found.images if found else None

    def train(self, configs: Sequence[TrainingConfig], folders: Sequence[Path]) -> None:
        """Train a run in its folder, or several runs at once (JAX), resuming from checkpoints.

        Args:
            configs: One for each run; they may differ only in `run`.
            folders: One for each run.

        Raises:
            UserError: For anything the user can fix.
            TrainingStopped: After Ctrl-C, SIGTERM or SIGALRM; the state has been saved.
        """
        dataset = self.load(configs[0], log.info)
        models = [self.build(config) for config in configs]

        from disentanglement.evaluation.evaluate import TrainingScores
        from disentanglement.training import loop

        scores: list[Callable[[], dict[str, float]]]
        if configs[0].metric_freq:
            lists = self.metric_lists(configs[0])
            metrics = lists.available(lists.training, log.info)
            scores = [
                TrainingScores(model, dataset, metrics, lists.computed_arrays(model, dataset))
                for model in models
            ]
        else:
            log.info("no scores during training (metric_freq 0)")
            scores = [loop.no_scores] * len(models)
        loop.train_together(models, dataset, folders, scores)

    def score(self, config: TrainingConfig, run_folder: Path, protocol: str = PAPER) -> None:
        """Score every checkpoint of a trained run, keeping the scores that exist already.

        Raises:
            UserError: The run is not trained, or its data or config have changed.
        """
        dataset = self.load(config, log.info)
        model = self.build(config)

        from disentanglement.evaluation import final_metrics

        if protocol != PAPER:
            from disentanglement.evaluation import named_protocols

            metrics = named_protocols.named(protocol).chosen()
            final_metrics.score_run(model, dataset, metrics, run_folder, None, protocol)
            return
        lists = self.metric_lists(config)
        metrics = lists.available(lists.final, log.info)
        computed = lists.computed_arrays(model, dataset)
        final_metrics.score_run(model, dataset, metrics, run_folder, computed)

    @property
    def draws_traversals(self) -> bool:
        """Whether the experiment has a script that draws latent traversals (CelebA's has)."""
        return (self.folder / f"{self.task}_generate_latent_trans.py").exists()

    def draw_traversals(self, config: TrainingConfig, run_folder: Path) -> None:
        """Draw the latent traversals of a trained run into latent_trans/ in its folder."""
        from disentanglement.evaluation import latent_trans

        latent_trans.draw_run(self.build(config), run_folder)


# A command asks for every run of its grid, several times. What it finds may not change meanwhile.
@functools.lru_cache(maxsize=64)
def _found(data: str, data_dir: str | None, folder: Path) -> sets.DataSource:
    return sets.find(data, data_dir, folder)
