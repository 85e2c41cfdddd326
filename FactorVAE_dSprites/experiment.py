"""What the commands need to know of this experiment; light to import."""

from pathlib import Path

from disentanglement.config import FactorVAEConfig
from disentanglement.data.dsprites import NUM_IMAGES
from disentanglement.dispatch import Experiment

EXPERIMENT = Experiment(
    folder=Path(__file__).resolve().parent,
    module="factorVAE",
    task="factorvae_task.py",
    metrics_task="factorvae_task_final_metrics.py",
    schema=FactorVAEConfig,
    num_images=NUM_IMAGES,
)
