"""InfoGAN-CR on CdSprites: the algorithm, its networks, the data and the metrics, put together.

The networks are those for dSprites, with two codes.

As a script, it trains the first run of config.py without a scheduler: python infogan_cr.py
"""

import sys
from pathlib import Path

from disentanglement.config import InfoGANCRConfig
from disentanglement.data.cdsprites import dataset as cdsprites
from disentanglement.experiments import cli
from disentanglement.experiments.experiment import Experiment

FOLDER = Path(__file__).resolve().parents[1]


def build(config: InfoGANCRConfig):
    """Return the untrained model of a config; its weights depend on config.run alone."""
    from disentanglement.algorithms.infogan_cr import InfoGANCR  # Keras takes seconds to import
    from disentanglement.networks import infogan

    channels = config.channels or 1
    h = infogan.cr_discriminator(config.uniform_reg_dim, channels)
    return InfoGANCR(config, infogan.infogan_cr(config, channels, h))


def metrics():
    from . import metric

    return metric.METRIC_LISTS


EXPERIMENT = Experiment(
    folder=FOLDER,
    task="gan_task",
    schema=InfoGANCRConfig,
    num_images=cdsprites.NUM_IMAGES,
    build=build,
    find_data=cdsprites.find,
    load_data=cdsprites.load_for,
    metrics=metrics,
    data_name="cdsprites",
)

if __name__ == "__main__":
    sys.exit(cli.task(FOLDER))
