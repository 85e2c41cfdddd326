"""Draw what each latent of every trained run does (see README.md; --help lists the options)."""

import sys
from pathlib import Path

from disentanglement.experiments import cli

if __name__ == "__main__":
    sys.exit(cli.main_latent_trans(Path(__file__).resolve().parent))
