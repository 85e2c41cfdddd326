"""Score a trained run by hand, or from a scheduler: factorvae_task_final_metrics.py [RUN]."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT

if __name__ == "__main__":
    sys.exit(cli.task_final_metrics(EXPERIMENT))
