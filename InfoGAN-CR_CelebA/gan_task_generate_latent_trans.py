"""Draw the latents of one trained run by hand: python gan_task_generate_latent_trans.py [RUN]."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT

if __name__ == "__main__":
    sys.exit(cli.task_latent_trans(EXPERIMENT))
