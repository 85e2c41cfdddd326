"""Tell encoders apart: the codes of a few fixed images are part of every score record."""

import zlib
from typing import Any

import numpy as np

from disentanglement.data.dataset import HasMetricData, ImageSource
from disentanglement.evaluation.encoding import Encoder, checked_codes

_IMAGES = 8
_DIGITS = 7  # of a code, as float32
# Between machines, kernels of one network differ by rounding only; other networks by far more.
_TOLERANCE = 1e-4


def of(encode: Encoder, dataset: ImageSource) -> dict[str, Any]:
    """Return what identifies an encoder and its data set, as JSON values.

    It holds the numbers of a few images, evenly spaced, a checksum of the images, their codes and,
    for a `HasMetricData`, its checksum.
    """
    n = len(dataset)
    numbers = np.unique(np.linspace(0, n - 1, min(n, _IMAGES)).astype(int))
    images = np.ascontiguousarray(dataset.images(numbers), np.float32)
    codes = checked_codes(encode, images).astype(float)
    metric_data = dataset.metric_checksum() if isinstance(dataset, HasMetricData) else None
    return {
        "images": numbers.tolist(),
        "images_checksum": f"{zlib.crc32(images.tobytes()):08x}",
        "codes": [[float(f"{code:.{_DIGITS}g}") for code in row] for row in codes],
        **({"metric_data": metric_data} if metric_data else {}),
    }


def same(record: dict[str, Any], current: dict[str, Any]) -> bool:
    """Whether a record is of the encoder and the data with this fingerprint.

    Records of trained runs made by earlier versions have none; their checkpoint identifies them.
    """
    found = record.get("fingerprint")
    if found is None:
        return "checkpoint" in record.get("model", {})
    fixed = ("images", "images_checksum", "metric_data")
    if any(found.get(key) != current.get(key) for key in fixed):
        return False
    old, new = np.array(found["codes"]), np.array(current["codes"])
    scale = np.abs(new).max(initial=0)
    return old.shape == new.shape and bool(np.allclose(old, new, rtol=0, atol=_TOLERANCE * scale))
