"""Train one run of the grid by hand, or from any scheduler: python gan_task.py [RUN ...]."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT

if __name__ == "__main__":
    sys.exit(cli.task(EXPERIMENT))
