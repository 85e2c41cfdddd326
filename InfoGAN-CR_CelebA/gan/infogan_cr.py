"""One run without a scheduler: this experiment's networks, data and metrics, put together.

From Python: train(config, work_dir). As a command: python gan/infogan_cr.py --work-dir DIR
"""

import sys
from pathlib import Path

if not __package__:  # started as a script: make the experiment's folder the root of imports
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    __package__ = "gan"

from disentanglement import cli
from disentanglement.config import CelebAConfig
from disentanglement.infogan_cr import InfoGANCR
from disentanglement.work import Work

from . import load_data, metric, network


def build(config: CelebAConfig) -> InfoGANCR:
    """The untrained model of a config; its weights depend on config.run alone."""
    codes = config.uniform_reg_dim
    return InfoGANCR(
        network.generator(codes + config.uniform_not_reg_dim),
        network.discriminator(codes),
        network.cr_discriminator(codes),
        config,
    )


_work = Work(build, load_data, metric)
train, train_stack, score = _work.train, _work.train_stack, _work.score
draw_traversals = _work.draw_traversals

if __name__ == "__main__":
    from experiment import EXPERIMENT

    sys.exit(cli.task(EXPERIMENT))
