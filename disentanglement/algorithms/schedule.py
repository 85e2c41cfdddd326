"""When InfoGAN-CR's contrastive weight rises and its gap falls, by batch number.

At the start of every `cr_coe_increase_batch`-th batch (except the first), cr_coe rises, at most
`cr_coe_increase_times` times; likewise the gap falls. Each change re-initialises the contrastive
discriminator H and its optimiser. Everything is a function of the batch number, so a resumed run
needs no other state.
"""

from dataclasses import dataclass

from disentanglement.config import InfoGANCRKeys


@dataclass(frozen=True)
class Schedule:
    """The schedule keys of a config; see `InfoGANCRKeys` for their meaning."""

    cr_coe_start: float
    cr_coe_increase: float
    cr_coe_increase_times: int
    cr_coe_increase_batch: int
    gap_start: float
    gap_decrease: float
    gap_decrease_times: int
    gap_decrease_batch: int

    @classmethod
    def of(cls, config: InfoGANCRKeys) -> "Schedule":
        """Return the schedule of a config."""
        return cls(**{name: getattr(config, name) for name in cls.__dataclass_fields__})

    def cr_coe(self, global_id: int) -> float:
        """Return the weight of the contrastive term during batch `global_id`."""
        rises = min(global_id // self.cr_coe_increase_batch, self.cr_coe_increase_times)
        return self.cr_coe_start + self.cr_coe_increase * rises

    def gap(self, global_id: int) -> float:
        """Return the minimum distance between the codes that a pair does not share."""
        falls = min(global_id // self.gap_decrease_batch, self.gap_decrease_times)
        return max(self.gap_start - self.gap_decrease * falls, 0.0)

    def nth_rise(self, global_id: int) -> int:
        """Return n if cr_coe rises for the nth time at the start of this batch, else 0."""
        return _nth(global_id, self.cr_coe_increase_batch, self.cr_coe_increase_times)

    def nth_fall(self, global_id: int) -> int:
        """Return n if the gap falls for the nth time at the start of this batch, else 0."""
        return _nth(global_id, self.gap_decrease_batch, self.gap_decrease_times)

    def is_idle(self, global_id: int) -> bool:
        """Whether training H in this batch cannot affect G, D or Q.

        True before the first rise of cr_coe from 0: H's loss has weight 0, and H is re-initialised
        at the rise. If no rise is planned, H is never idle, so that it can still be monitored.
        """
        planned = self.cr_coe_increase_times > 0 and self.cr_coe_increase > 0
        return planned and self.cr_coe_start == 0 and global_id < self.cr_coe_increase_batch


def _nth(global_id, every, times):
    if global_id <= 0 or global_id % every:
        return 0
    nth = global_id // every
    return nth if nth <= times else 0
