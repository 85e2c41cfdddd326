"""Do one run's part of choosing a run without labels: gan_task_model_centrality.py [RUN]."""

import sys
from pathlib import Path

from disentanglement.experiments import cli

if __name__ == "__main__":
    sys.exit(cli.task_model_centrality(Path(__file__).resolve().parent))
