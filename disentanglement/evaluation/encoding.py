"""Encode the images that metrics look at, each of them once."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from disentanglement.console import progress_bar
from disentanglement.data.dataset import ImageSource, MetricImages
from disentanglement.errors import UserError
from disentanglement.wording import counted

_IMAGES = {
    "group_codes": "group",
    "reference_codes": "reference",
    "codes": "sample",
    "train_codes": "train",
    "test_codes": "test",
    "train_group_codes": "train_group",
    "test_group_codes": "test_group",
    "train_pair_codes": "train_pair",
    "test_pair_codes": "test_pair",
}
_LABELS = (
    *("group_labels", "factors", "factor_ids", "continuous", "train_ids", "test_ids"),
    *("train_group_labels", "test_group_labels", "train_pair_labels", "test_pair_labels"),
)
NUMBERS = tuple(_IMAGES.values())  # the image numbers in `MetricImages`
_CHUNK = 4096  # images held in memory at a time

Encoder = Callable[[np.ndarray], np.ndarray]  # images [n, H, W, C] -> codes [n, K]


def encode_images(
    encode: Encoder,
    dataset: ImageSource,
    images: MetricImages,
    names: Collection[str] = tuple(_IMAGES),
) -> dict[str, np.ndarray]:
    """Return the arrays of `disentanglement.metrics` for the images that `draw_images` chose.

    Args:
        encode: Returns the codes [n, K] of images [n, H, W, C], n up to 4096.
        dataset: Holds the images.
        images: The numbers and labels of the images.
        names: The arrays that are needed; no other images are encoded. Labels are always
            returned.

    Raises:
        UserError: `encode` returns arrays of the wrong shape.
    """
    known: dict[str, Any] = dict(images)
    wanted = {name: known[key] for name, key in _IMAGES.items() if name in names and key in known}
    labels = {name: known[name] for name in _LABELS if name in known}
    return _encode_once(encode, dataset, wanted) | labels


def codes_of(codes: np.ndarray, images: MetricImages) -> dict[str, np.ndarray]:
    """Return the arrays of `disentanglement.metrics` for images whose codes [N, K] are known."""
    known: dict[str, Any] = dict(images)
    wanted = {name: codes[known[key]] for name, key in _IMAGES.items() if key in known}
    return wanted | {name: known[name] for name in _LABELS if name in known}


def _encode_once(
    encode: Encoder, dataset: ImageSource, wanted: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return codes [..., K] of each array of image numbers [...]."""
    if not wanted:
        return {}
    numbers = np.concatenate([indices.ravel() for indices in wanted.values()])
    unique, places = np.unique(numbers, return_inverse=True)
    parts = []
    with progress_bar(len(unique), "images", "encoding", passing=True) as bar:
        for chunk in np.array_split(unique, -(-len(unique) // _CHUNK)):
            parts.append(checked_codes(encode, dataset.images(chunk)))
            bar.update(len(chunk))
    if len({part.shape[1] for part in parts}) > 1:
        raise UserError("encode returned different numbers of codes for different images")
    codes = np.concatenate(parts)[places]
    ends = np.cumsum([indices.size for indices in wanted.values()])
    return {
        name: part.reshape(*indices.shape, -1)
        for (name, indices), part in zip(wanted.items(), np.split(codes, ends), strict=False)
    }


def checked_codes(encode: Encoder, images: np.ndarray) -> np.ndarray:
    """Return `encode(images)`. Raises UserError unless it is an array [n, K]."""
    codes = np.asarray(encode(images))
    if codes.ndim != 2 or len(codes) != len(images):
        raise UserError(
            f"encode returned an array of shape {codes.shape} for {counted(len(images), 'image')}: "
            "it must return codes [n, K]"
        )
    return codes
