"""The training position: epochs, batches, and the numbers that name them in files."""

from collections.abc import Mapping
from dataclasses import dataclass

from disentanglement.config import TrainingConfig


@dataclass(frozen=True)
class Position:
    """A trained batch. The fields are the first columns of metric.csv.

    Attributes:
        epoch_id: The epoch, counted from 0.
        batch_id: The batch within its epoch, counted from 0; -1 for the last batch of an epoch.
        global_id: The batch within the run, counted from 0.
    """

    epoch_id: int
    batch_id: int
    global_id: int

    @property
    def prefix(self) -> str:
        """The start of the names of files written at this position."""
        return f"epoch_id-{self.epoch_id},batch_id-{self.batch_id},global_id-{self.global_id}"


UNTRAINED = Position(-1, -1, -1)


def scores_in(row: Mapping[str, str]) -> dict[str, float]:
    """Return the scores in a row of metric.csv: what follows its position, unless empty."""
    return {k: float(value) for k, value in row.items() if value and k not in vars(UNTRAINED)}


@dataclass(frozen=True)
class Plan:
    """How the batches of a run are divided into epochs.

    Attributes:
        batches_per_epoch: Batches in a whole epoch.
        total: Batches in the run.
        epoch_freq: Every so many epochs, and the last, end with scores, pictures, a checkpoint.
    """

    batches_per_epoch: int
    total: int
    epoch_freq: int = 1

    @classmethod
    def of(cls, config: TrainingConfig, num_images: int) -> "Plan":
        """Return the plan for `num_images` images; an epoch drops the last incomplete batch."""
        batches = num_images // config.batch_size
        total = config.epoch * batches
        return cls(batches, min(total, config.max_batches or total), config.epoch_freq)

    def epoch(self, global_id: int) -> int:
        """Return the epoch of batch global_id."""
        return global_id // self.batches_per_epoch

    def ends_epoch(self, global_id: int) -> bool:
        """Whether batch global_id ends an epoch; the last batch of the run always does."""
        return (global_id + 1) % self.batches_per_epoch == 0 or global_id + 1 == self.total

    def reports_epoch(self, global_id: int) -> bool:
        """Whether batch global_id ends an epoch that ends with scores, pictures, a checkpoint."""
        whole = self.batches_per_epoch * self.epoch_freq
        return (global_id + 1) % whole == 0 or global_id + 1 == self.total

    def position(self, global_id: int) -> Position:
        """Return the position right after batch global_id."""
        batch_id = -1 if self.ends_epoch(global_id) else global_id % self.batches_per_epoch
        return Position(self.epoch(global_id), batch_id, global_id)
