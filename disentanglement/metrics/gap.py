"""The gap between the best and the second-best code, which SAP and MIG average over factors."""

import numpy as np


def gap(table: np.ndarray) -> np.ndarray:
    """Return [F], each column's largest minus its second-largest entry of `table` [K, F].

    With a single row the second largest is 0.
    """
    ordered = np.sort(table, axis=0)
    return ordered[-1] - (ordered[-2] if len(table) > 1 else 0)
