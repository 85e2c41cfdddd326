"""Tell encoders apart: the codes of a few fixed images are part of every score record."""

import zlib
from typing import Any, TypeGuard

import numpy as np

from disentanglement.data.dataset import HasMetricData, ImageSource
from disentanglement.evaluation.encoding import Encoder, checked_codes
from disentanglement.streams import stream

_IMAGES = 64
_DIGITS = 7  # of a code, as float32
# Between machines, kernels of one network differ by rounding only; other networks by far more.
# The tolerance is relative to the code's largest value, so that no large code hides the others.
_TOLERANCE = 1e-4
# Codes that hardly vary are mostly rounding of the values they are computed from: a tolerance
# relative to the (lower) median of the codes' largest values.
_ROUNDING = 1e-6


def of(
    encode: Encoder, dataset: ImageSource, recorded: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what identifies an encoder and its data set, as JSON values.

    It holds the numbers of a few images, drawn at random but always the same, a checksum of the
    images, their codes and, for a `HasMetricData`, its checksum. If the encoder returns other
    codes when it sees the images again, `stochastic` is true.

    Args:
        encode: The encoder.
        dataset: Its data set.
        recorded: An earlier fingerprint. If it is of the same encoder and data but of other images
            (earlier versions chose others), the result is of those images, too.
    """
    usual = _usual_images(len(dataset))
    images = recorded.get("images") if isinstance(recorded, dict) else None
    if recorded and images != usual and _are_numbers(images, len(dataset)):
        found = _of(encode, dataset, images)
        if _agree(recorded, found):
            return found
    return _of(encode, dataset, usual)


def same(record: dict[str, Any], current: dict[str, Any]) -> bool:
    """Whether a record is of the encoder and the data with this fingerprint.

    The codes of stochastic encoders are not compared, only their number. Records of trained runs
    made by earlier versions have no fingerprint; their checkpoint identifies them.
    """
    found = record.get("fingerprint")
    if found is None:
        return "checkpoint" in record.get("model", {})
    return _agree(found, current)


def _usual_images(n: int) -> list[int]:
    rng = stream(0, "fingerprint images")
    return sorted(rng.choice(n, min(n, _IMAGES), replace=False).tolist())


def _are_numbers(images: Any, n: int) -> TypeGuard[list[int]]:
    """Whether this is a list of numbers of images in a data set of n."""
    return isinstance(images, list) and all(isinstance(i, int) and 0 <= i < n for i in images)


def _of(encode: Encoder, dataset: ImageSource, numbers: list[int]) -> dict[str, Any]:
    images = np.ascontiguousarray(dataset.images(np.array(numbers)), np.float32)
    checksum = f"{zlib.crc32(images.tobytes()):08x}"
    # Copies, as the encoder may write into what it is given, or return it.
    codes, again = (np.array(checked_codes(encode, images.copy()), float) for _ in range(2))
    metric_data = dataset.metric_checksum() if isinstance(dataset, HasMetricData) else None
    return {
        "images": numbers,
        "images_checksum": checksum,
        "codes": [[float(f"{code:.{_DIGITS}g}") for code in row] for row in codes],
        **({} if _are_close(codes, again) else {"stochastic": True}),
        **({"metric_data": metric_data} if metric_data else {}),
    }


def _agree(found: dict[str, Any], current: dict[str, Any]) -> bool:
    fixed = ("images", "images_checksum", "metric_data", "stochastic")
    if any(found.get(key) != current.get(key) for key in fixed):
        return False
    old, new = np.array(found["codes"]), np.array(current["codes"])
    if current.get("stochastic"):
        return old.shape == new.shape
    return _are_close(old, new)


def _are_close(old: np.ndarray, new: np.ndarray) -> bool:
    """Whether codes [n, K] are equal up to rounding."""
    if old.shape != new.shape:
        return False
    if not new.size:
        return True
    largest = np.abs(np.nan_to_num(new)).max(axis=0)
    median = np.quantile(largest, 0.5, method="lower")
    tolerance = _TOLERANCE * largest + _ROUNDING * median
    return bool(np.isclose(old, new, rtol=0, atol=tolerance, equal_nan=True).all())
