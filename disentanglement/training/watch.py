"""Warns of a training that has gone wrong although all its numbers are finite."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from disentanglement.algorithms.model import Model
from disentanglement.training.callbacks import Callback
from disentanglement.training.position import Position

log = logging.getLogger(__name__)

PATIENCE = 500  # batches in a row; a healthy run has had 111 such batches at its start


class Watch(Callback):
    """Warn once when the model has been in trouble (`Model.trouble`) for many batches in a row.

    Args:
        model: The model.
        save: Called after a warning, to save the run's record.

    Attributes:
        warnings: For the run's record: the batch and the text of each warning.
        count: For how many batches in a row the model has been in trouble; part of a checkpoint.
    """

    def __init__(self, model: Model, save: Callable[[], None] = lambda: None):
        self.model, self.save = model, save
        self.warnings: list[dict[str, Any]] = []
        self.count = 0

    def batch_end(self, position: Position, report: dict[str, np.ndarray]) -> None:
        trouble = self.model.trouble(report)
        self.count = self.count + 1 if trouble else 0
        if trouble and self.count == PATIENCE:
            self.warnings.append({"batch": position.global_id, "warning": trouble})
            log.warning("warning: for %d batches, %s", PATIENCE, trouble)
            self.save()
