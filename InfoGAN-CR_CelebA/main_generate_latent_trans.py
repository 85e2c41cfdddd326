"""Draw latent traversals of every trained run (docs/EXPERIMENTS.md; --help lists options)."""

import sys
from pathlib import Path

from disentanglement.experiments import cli

if __name__ == "__main__":
    sys.exit(cli.main_latent_trans(Path(__file__).resolve().parent))
