"""Labels in the test data that a classifier has never seen in training."""

import numpy as np


def unseen(train_ids: np.ndarray, test_ids: np.ndarray) -> list[tuple[int, int]]:
    """Return (factor, value) of all values in test_ids [N4, F] that train_ids [N3, F] lack."""
    return [
        (i, int(value))
        for i, (train, test) in enumerate(zip(train_ids.T, test_ids.T, strict=True))
        for value in np.setdiff1d(test, train)
    ]


def note(train_ids: np.ndarray, test_ids: np.ndarray) -> str:
    """Return a remark on the unseen values, which count as mistakes; "" if there are none."""
    found = unseen(train_ids, test_ids)
    if not found:
        return ""
    factor, value = found[0]
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"value {value} of factor {factor}{others} only in test_ids: counted as mistakes"
