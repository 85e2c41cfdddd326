"""The gap between the best code and the next, which SAP and MIG average."""

import numpy as np


def gap(table: np.ndarray) -> np.ndarray:
    """Per factor, the largest entry of table [K, F] minus the second largest (0 if K is 1)."""
    ordered = np.sort(table, axis=0)
    return ordered[-1] - (ordered[-2] if len(table) > 1 else 0)
