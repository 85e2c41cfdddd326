"""Images in memory with what is known of their factors: what a reader of a file returns."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class ImageArrays:
    """A data set as it was read, before anybody trains on it.

    Attributes:
        name: What tables call it, e.g. "Shapes3D".
        images: uint8 [N, H, W, C], H = W = 32 or 64, C = 1 or 3; may be a memory map.
        factor_names: F names; () without factors.
        continuous: [F], whether each factor is a quantity (True) or a category (False).
        factor_sizes: [F], if the images are a full grid: every combination of the factors once,
            in row-major order (the last factor changes fastest). Otherwise None.
        factors: Numbers [N, F], if the images are no full grid but have factors; NaN where one is
            unknown. Otherwise None.
    """

    name: str
    images: np.ndarray
    factor_names: tuple[str, ...] = ()
    continuous: tuple[bool, ...] = ()
    factor_sizes: tuple[int, ...] | None = None
    factors: np.ndarray | None = None
