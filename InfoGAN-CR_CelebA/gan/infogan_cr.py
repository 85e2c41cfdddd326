"""InfoGAN-CR on CelebA: the algorithm, its networks, the data and the metrics, put together.

As a script, it trains the first run of config.py without a scheduler: python infogan_cr.py
"""

import sys
from pathlib import Path

from disentanglement.config import CelebAConfig
from disentanglement.data.celeba import dataset as celeba
from disentanglement.data.fit import ImageFormat
from disentanglement.experiments import cli
from disentanglement.experiments.experiment import Experiment

FOLDER = Path(__file__).resolve().parents[1]


def build(config: CelebAConfig):
    """Return the untrained model of a config; its weights depend on config.run alone."""
    from disentanglement.algorithms.infogan_cr import InfoGANCR  # Keras takes seconds to import

    from . import network

    return InfoGANCR(config, network.build(config))


def metrics():
    from . import metric

    return metric.METRIC_LISTS


EXPERIMENT = Experiment(
    folder=FOLDER,
    task="gan_task",
    schema=CelebAConfig,
    num_images=celeba.NUM_IMAGES,
    build=build,
    find_data=celeba.find,
    load_data=celeba.load_for,
    metrics=metrics,
    data_name="celeba",
    images=ImageFormat(size=32, channels=(3,), low=-1, high=1),
)

if __name__ == "__main__":
    sys.exit(cli.task(FOLDER))
