"""The usual names of the data sets, for tables and pictures."""

# By the names of their classes, which records hold.
DATA_LABELS = {
    "DSprites": "dSprites",
    "ColorDSprites": "color dSprites",
    "NoisyDSprites": "noisy dSprites",
    "ScreamDSprites": "dSprites before a picture",
    "CdSprites": "CdSprites",
    "Teapots": "3D teapots",
    "CelebA": "CelebA",
    "StandInFaces": "stand-in faces",
    "LabelledImages": "own images",
}


def label_of(name: str) -> str:
    """Return the usual name of a data set; of one that is not listed, that of its class."""
    return DATA_LABELS.get(name, name)
