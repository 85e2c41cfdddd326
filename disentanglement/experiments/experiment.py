"""An experiment: what its folder provides, and what can be done with it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disentanglement.config import TrainingConfig
from disentanglement.data.dataset import Dataset
from disentanglement.evaluation.protocols import PAPER
from disentanglement.experiments import grid

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
    """

    folder: Path
    task: str
    schema: type[TrainingConfig]
    num_images: int
    build: Callable[[Any], "Model"]
    load_data: Callable[[Any, Path, Callable[[str], None]], Dataset]
    metrics: Callable[[], "MetricLists"]
    find_data: Callable[[Any, Path], object] = lambda config, folder: None

    def grid(self, path: Path | None = None, overrides: Sequence[str] = ()) -> grid.Grid:
        """Read and check a config file of this experiment (default: config.py); see `grid.load`."""
        path = path or self.folder / "config.py"
        return grid.load(path, self.schema, self.num_images, overrides)

    def train(self, configs: Sequence[TrainingConfig], folders: Sequence[Path]) -> None:
        """Train a run in its folder, or several runs at once (JAX), resuming from checkpoints.

        Args:
            configs: One for each run; they may differ only in `run`.
            folders: One for each run.

        Raises:
            UserError: For anything the user can fix.
            TrainingStopped: After Ctrl-C, SIGTERM or SIGALRM; the state has been saved.
        """
        dataset = self.load_data(configs[0], self.folder, log.info)
        models = [self.build(config) for config in configs]

        from disentanglement.evaluation.evaluate import TrainingScores
        from disentanglement.training import loop

        scores: list[Callable[[], dict[str, float]]]
        if configs[0].metric_freq:
            lists = self.metrics()
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
        dataset = self.load_data(config, self.folder, log.info)
        model = self.build(config)

        from disentanglement.evaluation import final_metrics

        if protocol != PAPER:
            from disentanglement.evaluation import named_protocols

            metrics = named_protocols.named(protocol).chosen()
            final_metrics.score_run(model, dataset, metrics, run_folder, None, protocol)
            return
        lists = self.metrics()
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
