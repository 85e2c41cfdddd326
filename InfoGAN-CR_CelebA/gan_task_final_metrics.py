"""Score one trained run by hand, or from any scheduler: python gan_task_final_metrics.py [RUN]."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT

if __name__ == "__main__":
    sys.exit(cli.task_final_metrics(EXPERIMENT))
