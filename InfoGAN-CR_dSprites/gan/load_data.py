"""The data of this experiment: dSprites."""

from pathlib import Path

from disentanglement.data import dsprites

EXPERIMENT = Path(__file__).resolve().parents[1]
DEFAULT_FOLDER = EXPERIMENT.parent / "data" / "dSprites"
CLASSIFIER = DEFAULT_FOLDER / "shape_classifier.keras"


def load(config, say=print) -> dsprites.DSprites:
    """dSprites from config.data_dir (default: data/dSprites beside the experiments)."""
    return load_folder(config.data_dir, say)


def load_folder(folder=None, say=print) -> dsprites.DSprites:
    """dSprites from a folder, counted from the experiment's."""
    return dsprites.load(EXPERIMENT / (folder or DEFAULT_FOLDER), say)
