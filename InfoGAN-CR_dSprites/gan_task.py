"""Train one run of the grid by hand, or from any scheduler: python gan_task.py [RUN ...]."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT


def train(config, work_dir):
    from gan import infogan_cr  # takes seconds; a mistake in the config shows before

    infogan_cr.train(config, work_dir)


def train_stack(configs, work_dirs):
    from gan import infogan_cr

    infogan_cr.train_stack(configs, work_dirs)


if __name__ == "__main__":
    sys.exit(cli.task(EXPERIMENT, train, train_stack))
