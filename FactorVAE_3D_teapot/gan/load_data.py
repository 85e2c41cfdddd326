"""The data of this experiment: 3D teapots, in data/3Dpots beside the experiments."""

from pathlib import Path

from disentanglement.data.teapots import Source

load = Source(Path(__file__).resolve().parents[1]).load
