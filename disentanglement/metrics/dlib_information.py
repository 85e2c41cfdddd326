"""MIG and Modularity by disentanglement_lib's protocol: those of the paper, on training points."""

import numpy as np

from disentanglement.metrics.arrays import check
from disentanglement.metrics.mig import MIGResult, mig
from disentanglement.metrics.modularity import ModularityResult, modularity


def dlib_mig(train_codes: np.ndarray, train_ids: np.ndarray) -> MIGResult:
    """Compute `mig.mig` of the training points.

    Raises:
        ArrayError: The arrays cannot be used.
    """
    check(train_codes=train_codes, train_ids=train_ids)
    return mig(train_codes, train_ids)


def dlib_modularity(train_codes: np.ndarray, train_ids: np.ndarray) -> ModularityResult:
    """Compute `modularity.modularity` of the training points.

    Raises:
        ArrayError: The arrays cannot be used, or there is only one factor.
    """
    check(train_codes=train_codes, train_ids=train_ids)
    return modularity(train_codes, train_ids)
