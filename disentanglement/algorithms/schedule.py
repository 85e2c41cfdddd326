"""When the contrastive term and the gap of InfoGAN-CR change, as a function of the batch number.

At the start of batch g > 0, every `cr_coe_increase_batch` batches and at most
`cr_coe_increase_times` times, cr_coe rises; likewise the gap falls. Each change re-initialises the
contrastive discriminator H and its optimiser. Nothing is remembered between batches, so a resumed
run needs only g.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """The schedule keys of a config, named as there."""

    cr_coe_start: float
    cr_coe_increase: float
    cr_coe_increase_times: int
    cr_coe_increase_batch: int
    gap_start: float
    gap_decrease: float
    gap_decrease_times: int
    gap_decrease_batch: int

    @classmethod
    def of(cls, config) -> "Schedule":
        """The schedule in a config that has all these keys."""
        return cls(**{name: getattr(config, name) for name in cls.__dataclass_fields__})

    def cr_coe(self, global_id: int) -> float:
        """The weight of the contrastive term during batch global_id."""
        rises = min(global_id // self.cr_coe_increase_batch, self.cr_coe_increase_times)
        return self.cr_coe_start + self.cr_coe_increase * rises

    def gap(self, global_id: int) -> float:
        """The least distance between the codes that a pair does not share."""
        falls = min(global_id // self.gap_decrease_batch, self.gap_decrease_times)
        return max(self.gap_start - self.gap_decrease * falls, 0.0)

    def rises(self, global_id: int) -> int:
        """n where cr_coe rises for the nth time at the start of batch global_id, else 0."""
        return _nth(global_id, self.cr_coe_increase_batch, self.cr_coe_increase_times)

    def falls(self, global_id: int) -> int:
        """n where the gap falls for the nth time at the start of batch global_id, else 0."""
        return _nth(global_id, self.gap_decrease_batch, self.gap_decrease_times)

    def is_idle(self, global_id: int) -> bool:
        """Whether nothing that H learns in batch global_id can reach G, D or Q.

        True until the first rise from 0: H is drawn anew then, and its loss has weight 0 before.
        False throughout where no rise is planned, so that H can be watched.
        """
        planned = self.cr_coe_increase_times > 0 and self.cr_coe_increase > 0
        return planned and self.cr_coe_start == 0 and global_id < self.cr_coe_increase_batch


def _nth(global_id, every, times):
    if global_id <= 0 or global_id % every:
        return 0
    nth = global_id // every
    return nth if nth <= times else 0
