"""Choose a trained run of config.py's grid without labels (docs/MODEL_SELECTION.md; --help)."""

import sys
from pathlib import Path

from disentanglement.experiments import cli

if __name__ == "__main__":
    sys.exit(cli.main_model_centrality(Path(__file__).resolve().parent))
