"""What the commands need to know of this experiment; light to import."""

from pathlib import Path

from disentanglement.config import TeapotFactorVAEConfig
from disentanglement.data.teapots_variants import NUM_IMAGES
from disentanglement.dispatch import Experiment

EXPERIMENT = Experiment(
    folder=Path(__file__).resolve().parent,
    module="factorVAE",
    task="factorvae_task.py",
    metrics_task="factorvae_task_final_metrics.py",
    schema=TeapotFactorVAEConfig,
    num_images=NUM_IMAGES,
)
