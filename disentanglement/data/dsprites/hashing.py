"""Random numbers that are a function of an image's number, the same in NumPy and on any engine."""

import zlib
from typing import Any

import numpy as np

_GOLDEN = np.uint32(0x9E3779B9)  # 2**32 divided by the golden ratio


def uniform(ops: Any, numbers: Any, count: int, purpose: str) -> Any:
    """Return float32 numbers [n, count], uniform in [0, 1), drawn from each of `numbers` [n].

    All 24 bits of a float32 are random. The arithmetic is that of 32-bit integers, and each
    float32 operation is exact, so that every engine gives the same numbers.

    Args:
        ops: NumPy or `keras.ops`.
        numbers: uint32.
        count: How many to draw from each.
        purpose: Other purposes give other numbers.
    """
    salt = np.array(zlib.crc32(purpose.encode()), np.uint32)
    steps = np.arange(1, count + 1, dtype=np.uint32) * _GOLDEN
    seeds = _mixed(ops, ops.bitwise_xor(numbers, salt))
    mixed = _mixed(ops, ops.add(seeds[:, None], steps))
    # Through int32: not every engine casts uint32 to float32 on every device.
    top = ops.right_shift(mixed, np.array(8, np.uint32))
    if ops is np:
        return top.astype(np.float32) * np.float32(2**-24)
    return ops.cast(ops.cast(top, "int32"), "float32") * 2**-24


def _mixed(ops: Any, x: Any) -> Any:
    """Return uint32 numbers in which every bit depends on every bit of x: a bijection.

    Shifts and odd factors found by Chris Wellons's search for functions of low bias
    (https://nullprogram.com/blog/2018/07/31/, "lowbias32").
    """
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, None)):
        x = ops.bitwise_xor(x, ops.right_shift(x, np.array(shift, np.uint32)))
        if factor is not None:
            x = ops.multiply(x, np.array(factor, np.uint32))
    return x
