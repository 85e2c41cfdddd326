"""Score every trained run of the grid in config.py (see README.md; --help lists the options)."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT
from gan import metric

if __name__ == "__main__":
    sys.exit(cli.main_final_metrics(EXPERIMENT, metric.FINAL))
