"""Score every trained run of the grid in config.py (docs/EXPERIMENTS.md; --help lists options)."""

import sys
from pathlib import Path

from disentanglement.experiments import cli

if __name__ == "__main__":
    sys.exit(cli.main_final_metrics(Path(__file__).resolve().parent))
