"""Train the shape classifier behind the sample quality scores.

    python train_DSpritesInceptionScore.py [--epochs 5] [--images 737280]

It is saved in data/dSprites/ beside the experiments, where all dSprites experiments find it; if
this experiment's own data/dSprites/ holds one, it takes that one's place, and the old one is kept.
"""

import sys
from pathlib import Path

from disentanglement.experiments import train_classifier

if __name__ == "__main__":
    sys.exit(train_classifier.main(Path(__file__).resolve().parents[1]))
