"""One run without a scheduler: this experiment's networks, data and metrics, put together.

From Python: train(config, work_dir). As a command: python gan/infogan_cr.py --work-dir DIR
"""

import logging
import sys
from pathlib import Path

if not __package__:  # started as a script: make the experiment's folder the root of imports
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    __package__ = "gan"

from disentanglement import cli, final_metrics, training
from disentanglement.config import InfoGANCRConfig
from disentanglement.infogan_cr import InfoGANCR

from . import load_data, metric, network

log = logging.getLogger(__name__)


def build(config: InfoGANCRConfig) -> InfoGANCR:
    """The untrained model of a config; its weights depend on config.run alone."""
    codes = config.uniform_reg_dim
    return InfoGANCR(
        network.generator(codes + config.uniform_not_reg_dim),
        network.discriminator(codes, config.q_l_dim),
        network.cr_discriminator(codes),
        config,
    )


def train(config: InfoGANCRConfig, work_dir: Path) -> None:
    """Train as `config` says in `work_dir`, going on from its checkpoint if it has one."""
    model, dataset = build(config), load_data.load(config, say=log.info)
    metrics = metric.available(metric.TRAINING, say=log.info)
    training.train(model, dataset, metrics, work_dir, metric.extra_arrays(model, config))


def train_stack(configs: list[InfoGANCRConfig], work_dirs: list[Path]) -> None:
    """`train` several runs at once on one accelerator (JAX); their configs differ in `run` only."""
    models, dataset = [build(c) for c in configs], load_data.load(configs[0], say=log.info)
    metrics = metric.available(metric.TRAINING, say=log.info)
    extras = [metric.extra_arrays(m, c) for m, c in zip(models, configs, strict=True)]
    training.train_stack(models, dataset, metrics, work_dirs, extras)


def score(config: InfoGANCRConfig, work_dir: Path) -> None:
    """Score the run that `train` left in `work_dir`, and its model before the contrastive term."""
    model, dataset = build(config), load_data.load(config, say=log.info)
    metrics = metric.available(metric.FINAL, say=log.info)
    final_metrics.score_run(model, dataset, metrics, work_dir, metric.extra_arrays(model, config))


if __name__ == "__main__":
    from experiment import EXPERIMENT

    sys.exit(cli.task(EXPERIMENT))
