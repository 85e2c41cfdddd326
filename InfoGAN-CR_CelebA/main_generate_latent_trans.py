"""Draw what each latent of every trained run does (see README.md; --help lists the options)."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT

if __name__ == "__main__":
    sys.exit(cli.main_latent_trans(EXPERIMENT, "gan_task_generate_latent_trans.py"))
