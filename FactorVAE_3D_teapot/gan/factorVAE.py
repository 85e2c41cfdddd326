"""FactorVAE on 3D teapots: the algorithm, its networks, the data and the metrics, put together.

As a script, it trains the first run of config.py without a scheduler: python factorVAE.py
"""

import sys
from pathlib import Path

from disentanglement.config import TeapotFactorVAEConfig
from disentanglement.data.teapots import dataset as teapots
from disentanglement.data.teapots.variants import NUM_IMAGES
from disentanglement.experiments import cli
from disentanglement.experiments.experiment import Experiment

FOLDER = Path(__file__).resolve().parents[1]


def build(config: TeapotFactorVAEConfig):
    """Return the untrained model of a config; its weights depend on config.run alone."""
    from disentanglement.algorithms.factor_vae import FactorVAE  # Keras takes seconds to import
    from disentanglement.networks import vae

    return FactorVAE(config, vae.factor_vae(config.gaussian_dim, channels=config.channels or 3))


def metrics():
    from . import metric

    return metric.METRIC_LISTS


EXPERIMENT = Experiment(
    folder=FOLDER,
    task="factorvae_task",
    schema=TeapotFactorVAEConfig,
    num_images=NUM_IMAGES,
    build=build,
    find_data=teapots.find,
    load_data=teapots.load_for,
    metrics=metrics,
    data_name="teapots",
)

if __name__ == "__main__":
    sys.exit(cli.task(FOLDER))
