"""Score one trained run by hand, or from any scheduler: gan_task_final_metrics.py [RUN]."""

import sys
from pathlib import Path

from disentanglement.experiments import cli

if __name__ == "__main__":
    sys.exit(cli.task_final_metrics(Path(__file__).resolve().parent))
