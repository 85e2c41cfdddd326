"""The data of this experiment: dSprites, in data/dSprites beside the experiments."""

from pathlib import Path

from disentanglement.data.dsprites import Source

_source = Source(Path(__file__).resolve().parents[1])
load, load_folder, CLASSIFIER = _source.load, _source.load_folder, _source.classifier
