"""What the commands need to know of this experiment; light to import."""

from pathlib import Path

from disentanglement.cli import Experiment
from disentanglement.config import InfoGANCRConfig
from disentanglement.data.dsprites import NUM_IMAGES

EXPERIMENT = Experiment(
    folder=Path(__file__).resolve().parent,
    task="gan_task.py",
    schema=InfoGANCRConfig,
    num_images=NUM_IMAGES,
)
