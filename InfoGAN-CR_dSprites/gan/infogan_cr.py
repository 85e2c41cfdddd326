"""InfoGAN-CR on dSprites: the algorithm, its networks, the data and the metrics, put together.

As a script, it trains the first run of config.py without a scheduler: python infogan_cr.py
"""

import sys
from pathlib import Path

from disentanglement.config import InfoGANCRConfig
from disentanglement.data.dsprites import dataset as dsprites
from disentanglement.experiments import cli
from disentanglement.experiments.experiment import Experiment

FOLDER = Path(__file__).resolve().parents[1]


def build(config: InfoGANCRConfig):
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
    schema=InfoGANCRConfig,
    num_images=dsprites.NUM_IMAGES,
    build=build,
    find_data=dsprites.find,
    load_data=dsprites.load_for,
    metrics=metrics,
    data_name="dsprites",
)

if __name__ == "__main__":
    sys.exit(cli.task(FOLDER))
