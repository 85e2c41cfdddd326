"""The data of this experiment: dSprites."""

from pathlib import Path

from disentanglement.data import dsprites

EXPERIMENT = Path(__file__).resolve().parents[1]
DEFAULT_FOLDER = EXPERIMENT.parent / "data" / "dSprites"


def load(config, say=print) -> dsprites.DSprites:
    """dSprites from config.data_dir (default: data/dSprites beside the experiments)."""
    return dsprites.load(EXPERIMENT / (config.data_dir or DEFAULT_FOLDER), say)
