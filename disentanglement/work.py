"""The work of an experiment, put together from its networks, its data and its metrics."""

import logging
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from disentanglement import final_metrics, latent_trans, training

log = logging.getLogger(__name__)


def available(metrics: dict, say=print) -> dict:
    """Those of `metrics` that can run: all, where codes are all that they take."""
    return metrics


def extra_arrays(model, config, dataset) -> dict:
    """What metrics take beside codes: nothing."""
    return {}


class Work(NamedTuple):
    """build: config -> untrained model; load_data.load(config, say) -> data set; metric: the lists
    TRAINING and FINAL, `available(metrics, say)`, which leaves out what cannot run, and
    `extra_arrays(model, config, dataset)`, what metrics take beside codes.
    """

    build: callable
    load_data: ModuleType
    metric: ModuleType

    def train(self, config, work_dir: Path) -> None:
        """Train as `config` says in `work_dir`, going on from its checkpoint if it has one."""
        self.train_stack([config], [work_dir])

    def train_stack(self, configs: list, work_dirs: list[Path]) -> None:
        """`train` several runs at once on one accelerator (JAX); they differ in `run` only."""
        models = [self.build(config) for config in configs]
        dataset = self.load_data.load(configs[0], say=log.info)
        metrics = self.metric.available(self.metric.TRAINING, say=log.info)
        extras = [
            self.metric.extra_arrays(model, config, dataset)
            for model, config in zip(models, configs, strict=True)
        ]
        training.train_stack(models, dataset, metrics, work_dirs, extras)

    def score(self, config, work_dir: Path) -> None:
        """Score every checkpoint of the run that `train` finished in `work_dir`."""
        model, dataset = self.build(config), self.load_data.load(config, say=log.info)
        metrics = self.metric.available(self.metric.FINAL, say=log.info)
        extra = self.metric.extra_arrays(model, config, dataset)
        final_metrics.score_run(model, dataset, metrics, work_dir, extra)

    def draw_traversals(self, config, work_dir: Path) -> None:
        """Draw what each latent does, of the run that `train` finished in `work_dir`."""
        latent_trans.draw_run(self.build(config), work_dir)
