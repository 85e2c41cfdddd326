"""What the commands need to know of this experiment; light to import."""

from pathlib import Path

from disentanglement.config import CelebAConfig
from disentanglement.data.celeba import NUM_IMAGES
from disentanglement.dispatch import Experiment

EXPERIMENT = Experiment(
    folder=Path(__file__).resolve().parent,
    module="infogan_cr",
    task="gan_task.py",
    metrics_task="gan_task_final_metrics.py",
    schema=CelebAConfig,
    num_images=NUM_IMAGES,
)
