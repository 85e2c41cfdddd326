"""Train the shape classifier behind the sample quality scores.

    python gan/train_DSpritesInceptionScore.py [--epochs 5] [--images 737280]

It lies in data/dSprites/, where all dSprites experiments find it.
"""

import sys
from pathlib import Path

if not __package__:  # started as a script: make the experiment's folder the root of imports
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    __package__ = "gan"

from disentanglement import cli

from . import load_data

if __name__ == "__main__":
    sys.exit(cli.train_classifier(load_data.load_folder, load_data.CLASSIFIER))
