"""Where training stands: epochs, batches, and the numbers that name them in files."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """One trained batch. batch_id is -1 after an epoch's last batch; global_id counts from 0.

    Before training: Position(-1, -1, -1).
    """

    epoch_id: int
    batch_id: int
    global_id: int

    @property
    def prefix(self) -> str:
        return f"epoch_id-{self.epoch_id},batch_id-{self.batch_id},global_id-{self.global_id}"


UNTRAINED = Position(-1, -1, -1)


@dataclass(frozen=True)
class Plan:
    """How the batches of a run fall into epochs. total: batches in all."""

    batches_per_epoch: int
    total: int

    @classmethod
    def of(cls, config, num_images: int) -> "Plan":
        batches = num_images // config.batch_size
        total = config.epoch * batches
        return cls(batches, min(total, config.max_batches or total))

    def epoch(self, global_id: int) -> int:
        return global_id // self.batches_per_epoch

    def ends_epoch(self, global_id: int) -> bool:
        """Whether an epoch ends with this batch; the run's last batch always ends one."""
        return (global_id + 1) % self.batches_per_epoch == 0 or global_id + 1 == self.total

    def position(self, global_id: int) -> Position:
        """The position right after batch global_id."""
        batch_id = -1 if self.ends_epoch(global_id) else global_id % self.batches_per_epoch
        return Position(self.epoch(global_id), batch_id, global_id)
