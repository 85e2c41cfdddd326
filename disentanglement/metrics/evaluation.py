"""Scoring an encoder on a data set: draw the images of the protocol, encode each set once, score.

`encode` is any function from images [n, H, W, C] to codes [n, K]; metrics never see a model.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from disentanglement.data import factors

GROUPS, GROUP_SIZE = 500, 100
REFERENCE_SHARE = 10  # one in ten images measures the codes' standard deviation
_CHUNK = 4096


def draw_images(
    dataset, rng: np.random.Generator, groups: int = GROUPS, group_size: int = GROUP_SIZE
) -> dict[str, np.ndarray]:
    """The paper's protocol for data sets with a grid of factors: which images are encoded.

    Returns the image numbers `group` [M, L] and `reference` [N / 10], and `group_labels` [M].
    """
    rows, labels = factors.draw_groups(rng, dataset.factor_sizes, groups, group_size)
    group = dataset.index(rows.reshape(groups * group_size, -1)).reshape(groups, group_size)
    reference = rng.choice(len(dataset), len(dataset) // REFERENCE_SHARE, replace=False)
    return {"group": group, "group_labels": labels, "reference": reference}


def encode_images(encode: Callable, dataset, images: dict[str, np.ndarray]) -> dict[str, Any]:
    """The arrays the metrics take (see `disentanglement.metrics`), from `draw_images`' choice."""

    wanted = np.concatenate([images["group"].ravel(), images["reference"]])
    indices, places = np.unique(wanted, return_inverse=True)
    chunks = np.array_split(indices, -(-len(indices) // _CHUNK))
    codes = np.concatenate([encode(dataset.images(chunk)) for chunk in chunks])[places]
    group_codes, reference_codes = np.split(codes, [images["group"].size])
    return {
        "group_codes": group_codes.reshape(*images["group"].shape, -1),
        "group_labels": images["group_labels"],
        "reference_codes": reference_codes,
    }


def score(metrics: Mapping[str, Callable], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Each metric's result, by name. A metric is given the arrays that its parameters name."""
    return {
        name: metric(**{key: arrays[key] for key in inspect.signature(metric).parameters})
        for name, metric in metrics.items()
    }
