"""The data of this experiment: CelebA, in data/CelebA beside the experiments."""

from pathlib import Path

from disentanglement.data.celeba import Source

load = Source(Path(__file__).resolve().parents[1]).load
