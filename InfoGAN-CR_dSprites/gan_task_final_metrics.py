"""Score one trained run by hand, or from any scheduler: python gan_task_final_metrics.py [RUN]."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT


def score(config, work_dir):
    from gan import infogan_cr  # takes seconds; a mistake in the config shows before

    infogan_cr.score(config, work_dir)


if __name__ == "__main__":
    sys.exit(cli.task_final_metrics(EXPERIMENT, score))
