"""Train one run of the grid by hand, or from any scheduler: python gan_task.py [RUN ...]."""

import sys
from pathlib import Path

from disentanglement.experiments import cli

if __name__ == "__main__":
    sys.exit(cli.task(Path(__file__).resolve().parent))
