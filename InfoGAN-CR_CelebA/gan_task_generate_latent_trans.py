"""Draw the latents of one trained run by hand: gan_task_generate_latent_trans.py [RUN]."""

import sys
from pathlib import Path

from disentanglement.experiments import cli

if __name__ == "__main__":
    sys.exit(cli.task_latent_trans(Path(__file__).resolve().parent))
