"""InfoGAN-CR on 3D teapots: the algorithm, its networks, the data and the metrics, put together.

As a script, it trains the first run of config.py without a scheduler: python infogan_cr.py
"""

import sys
from pathlib import Path

from disentanglement.config import TeapotInfoGANCRConfig
from disentanglement.data.teapots import dataset as teapots
from disentanglement.data.teapots.variants import NUM_IMAGES
from disentanglement.experiments import cli
from disentanglement.experiments.experiment import Experiment

FOLDER = Path(__file__).resolve().parents[1]


def build(config: TeapotInfoGANCRConfig):
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
    schema=TeapotInfoGANCRConfig,
    num_images=NUM_IMAGES,
    build=build,
    find_data=teapots.find,
    load_data=teapots.load_for,
    metrics=metrics,
    data_name="teapots",
)

if __name__ == "__main__":
    sys.exit(cli.task(FOLDER))
