"""VAEs on dSprites: the algorithm, its networks, the data and the metrics, put together.

As a script, it trains the first run of config.py without a scheduler: python vae.py
"""

import sys
from pathlib import Path

from disentanglement.data.dsprites import dataset as dsprites
from disentanglement.experiments import cli
from disentanglement.experiments.experiment import Experiment
from disentanglement.vae_config import VAEConfig

FOLDER = Path(__file__).resolve().parents[1]


def build(config: VAEConfig):
    """Return the untrained model of a config; its weights depend on config.run alone."""
    from disentanglement.algorithms.vae import VAE  # Keras takes seconds to import
    from disentanglement.networks import vae

    channels = config.channels or 1
    encoder = vae.encoder(config.gaussian_dim, channels)
    return VAE(config, encoder, vae.decoder(config.gaussian_dim, channels))


def metrics():
    from . import metric

    return metric.METRIC_LISTS


EXPERIMENT = Experiment(
    folder=FOLDER,
    task="vae_task",
    schema=VAEConfig,
    num_images=dsprites.NUM_IMAGES,
    build=build,
    find_data=dsprites.find,
    load_data=dsprites.load_for,
    metrics=metrics,
    data_name="dsprites",
)

if __name__ == "__main__":
    sys.exit(cli.task(FOLDER))
