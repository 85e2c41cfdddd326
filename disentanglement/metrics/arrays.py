"""Validation of the arrays that metrics take, with a one-line message for each mistake."""

import numpy as np
from numpy.typing import ArrayLike

from disentanglement.wording import counted

_DIMENSIONS = {
    "group_codes": "M, L, K",
    "group_labels": "M",
    "reference_codes": "N0, K",
    "codes": "N, K",
    "factors": "N, F",
    "factor_ids": "N, F",
    "continuous": "F",
    "shape_probabilities": "S, C",
    "generated_features": "N1, D",
    "training_features": "N2, D",
    "train_codes": "N3, K",
    "train_ids": "N3, F",
    "test_codes": "N4, K",
    "test_ids": "N4, F",
    "train_group_codes": "M1, L1, K",
    "train_group_labels": "M1",
    "test_group_codes": "M2, L1, K",
    "test_group_labels": "M2",
    "train_pair_codes": "P1, L2, 2, K",
    "train_pair_labels": "P1",
    "test_pair_codes": "P2, L2, 2, K",
    "test_pair_labels": "P2",
}
NAMES = tuple(_DIMENSIONS)
_LABELS = tuple(name for name in NAMES if name.endswith("group_labels") or "pair_labels" in name)
_IDS = ("factor_ids", "train_ids", "test_ids")
_VARYING = ("factors", "factor_ids", "train_ids")
_INTEGERS = (*_LABELS, *_IDS, "continuous")
_LARGEST, _SMALLEST = 1e30, 1e-30  # squares and their sums stay far from overflow


class ArrayError(ValueError):
    """A metric cannot use an array; the message names the array and the problem in one line."""


def check(**arrays: ArrayLike) -> list[np.ndarray]:
    """Check that arrays can be used together, and convert them.

    Args:
        **arrays: Arrays by their names in `disentanglement.metrics`.

    Returns:
        The arrays in the order given: integers and booleans as int64, the others as float64.

    Raises:
        ArrayError: An array is not numeric, not finite, empty or of the wrong rank; two arrays
            disagree on a length; labels are not 0 .. F - 1; or a factor has a single value.
    """
    checked = {name: _numbers(name, array) for name, array in arrays.items()}
    _check_lengths(checked)
    for name, array in checked.items():
        if name in _INTEGERS:
            checked[name] = _integers(name, array)
        if name in _VARYING:
            _check_factors_vary(name, array)
    for name in _LABELS:
        if name in checked:
            _check_labels(name, checked[name], checked)
    return list(checked.values())


def dead_codes(codes: np.ndarray) -> np.ndarray:
    """Return which of the codes [N, K] vary by no more than rounding errors: bool [K]."""
    codes = np.asarray(codes)
    rounding = 8 * np.finfo(codes.dtype).eps if codes.dtype.kind == "f" else 0
    codes = codes.astype(np.float64)
    return np.ptp(codes, axis=0) <= rounding * np.abs(codes).max(axis=0)


def _numbers(name: str, array: ArrayLike) -> np.ndarray:
    array = np.asarray(array)
    shape, dimensions = array.shape, _DIMENSIONS[name]
    if array.dtype == object:
        raise ArrayError(f"{name} is an object array (ragged or pickled): it must hold numbers")
    if array.dtype.kind not in "biuf":
        raise ArrayError(f"{name} has dtype {array.dtype}: it must hold numbers")
    if len(shape) != len(dimensions.split(", ")):
        raise ArrayError(f"{name} must have the shape [{dimensions}], not {shape}")
    if array.size == 0:
        raise ArrayError(f"{name} is empty: its shape is {shape}")
    array = array.astype(np.float64)
    if len(bad := np.argwhere(~np.isfinite(array))):
        raise ArrayError(
            f"{name} holds {counted(len(bad), 'NaN or infinite value')}, the first at "
            f"{bad[0].tolist()}"
        )
    if not ((largest := np.abs(array).max()) == 0 or _SMALLEST < largest < _LARGEST):
        raise ArrayError(
            f"{name}: its largest absolute value is {largest:.3g}; rescale it to between "
            f"{_SMALLEST:g} and {_LARGEST:g}"
        )
    return array


def _check_lengths(arrays: dict[str, np.ndarray]) -> None:
    seen: dict[str, tuple[str, int]] = {}
    for name, array in arrays.items():
        for letter, length in zip(_DIMENSIONS[name].split(", "), array.shape, strict=True):
            if letter.isdigit() and length != int(letter):
                raise ArrayError(f"{name} must have the shape [{_DIMENSIONS[name]}]: {array.shape}")
            other, expected = seen.setdefault(letter, (name, length))
            if length != expected:
                raise ArrayError(
                    f"{name} [{_DIMENSIONS[name]}] has {letter} = {length}, but {other} "
                    f"[{_DIMENSIONS[other]}] has {letter} = {expected}"
                )


def _integers(name: str, array: np.ndarray) -> np.ndarray:
    if (array != np.rint(array)).any():
        raise ArrayError(f"{name} must hold integers, not {array[array != np.rint(array)][0]:g}")
    if name == "continuous" and not np.isin(array, (0, 1)).all():
        raise ArrayError("continuous must hold True and False (or 1 and 0) only")
    return array.astype(np.int64)


def _check_factors_vary(name: str, array: np.ndarray) -> None:
    for i, column in enumerate(array.T):
        if (column == column[0]).all():
            raise ArrayError(
                f"{name}: factor {i} has the single value {column[0]:g}: leave its column out"
            )


def _check_labels(name: str, labels: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
    found = np.unique(labels)
    count = next((a.shape[1] for n, a in arrays.items() if n in ("factors", *_IDS)), None)
    if found[0] < 0 or (count and found[-1] >= count):
        limit = f"0 .. {count - 1} ({counted(count, 'factor')})" if count else "0 or more"
        raise ArrayError(f"{name} must be {limit}, but go from {found[0]} to {found[-1]}")
    if len(found) < (count or found[-1] + 1):
        missing = next(i for i in range(count or found[-1]) if i not in found)
        raise ArrayError(
            f"{name} go from {found[0]} to {found[-1]}, but no group has label {missing}: "
            "labels number the factors from 0, and every factor needs groups"
        )
