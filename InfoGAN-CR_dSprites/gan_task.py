"""Train one run of the grid by hand, or from any scheduler: python gan_task.py [RUN]."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT


def train(config, work_dir):
    from gan import infogan_cr  # takes seconds; a mistake in the config shows before

    infogan_cr.train(config, work_dir)


if __name__ == "__main__":
    sys.exit(cli.task(EXPERIMENT, train))
