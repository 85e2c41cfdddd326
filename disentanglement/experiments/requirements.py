"""What a run needs: time, disk and memory, from its config and measured rates.

The time is for two CPU cores; nothing has been measured on a GPU.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from disentanglement.config import InfoGANCRKeys, TrainingConfig
from disentanglement.data.dsprites.dataset import classifier_path
from disentanglement.experiments import parent
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.rates import GRID_IMAGES, MACHINE, RATES, Rates
from disentanglement.training.position import Plan
from disentanglement.wording import counted, duration, size

_SPARSE = 2000  # the vis_freq to suggest where the disk is too small


@dataclass(frozen=True)
class Work:
    """What a run has to do from one of its batches on.

    Attributes:
        batches: Batches; for InfoGAN-CR, in which H does not train.
        contrastive: Batches in which H trains.
        evaluations: Rows of metric.csv.
        grids: Sets of sample grids.
        snapshots: Checkpoints that are kept besides the last one.
    """

    batches: int
    contrastive: int
    evaluations: int
    grids: int
    snapshots: int

    @classmethod
    def of(cls, config: TrainingConfig, num_images: int, first: int = 0) -> "Work":
        """Return the work from batch `first` on, with this number of training images."""
        plan = Plan.of(config, num_images)
        idle, rise = plan.total, 0
        if isinstance(config, InfoGANCRKeys):  # see algorithms/schedule.py, which is slow to import
            rise = config.cr_coe_increase_batch if config.cr_coe_increase_times else 0
            skips = config.skip_idle_crd and not config.cr_coe_start and config.cr_coe_increase
            idle = rise if skips else 0
        ids = np.arange(first, plan.total)
        in_epoch = ids % plan.batches_per_epoch + 1
        within = in_epoch < plan.batches_per_epoch
        always = (ids + 1) % (plan.batches_per_epoch * plan.epoch_freq) == 0
        always |= ids == plan.total - 1
        snapshot = (ids == rise - 1) & (ids < plan.total - 1)
        always |= snapshot

        def count(frequency: int) -> int:
            return int((always | (within & (in_epoch % frequency == 0))).sum()) if frequency else 0

        untrained = config.metric_untrained and config.metric_freq and not first
        fast = int((ids < idle).sum())
        return cls(
            batches=fast,
            contrastive=len(ids) - fast,
            evaluations=count(config.metric_freq) + bool(untrained),
            grids=count(config.vis_freq),
            snapshots=int(snapshot.sum()),
        )


@dataclass(frozen=True)
class Needs:
    """What runs need: seconds on two cores, bytes of disk."""

    seconds: float
    disk: float
    grids: float  # the part of `disk` that sample grids take

    def __add__(self, other: "Needs") -> "Needs":
        return Needs(self.seconds + other.seconds, self.disk + other.disk, self.grids + other.grids)


class Left(NamedTuple):
    """A run that is to be trained, in its folder, from a batch on."""

    config: TrainingConfig
    folder: Path
    next_batch: int


def _share(config: TrainingConfig) -> float:
    """Return the number of images in a grid's picture relative to the measured ones."""
    return config.vis_num_sample * config.vis_num_rep / GRID_IMAGES


class Estimate:
    """Estimates what runs of an experiment need.

    Args:
        experiment: The experiment; it must have been measured.
        rates: Its rates.
    """

    def __init__(self, experiment: Experiment, rates: Rates):
        self.experiment, self.rates = experiment, rates
        self.classifies = rates.classification_s and classifier_path(experiment.folder).exists()

    def images(self, config: TrainingConfig) -> int:
        """Return how many images a run trains on."""
        if config.data is None and (drawn := getattr(config, "generate", None)):
            return drawn
        return self.experiment.num_images_of(config)

    def work(self, config: TrainingConfig, first: int = 0) -> Work:
        return Work.of(config, self.images(config), first)

    def batch_ms(self, config: TrainingConfig) -> tuple[float, float]:
        """Return the milliseconds of a batch, and of one in which H trains."""
        fixed = self.rates.fixed_share
        scale = fixed + (1 - fixed) * config.batch_size / self.rates.batch_size
        return self.rates.batch_ms * scale, self.rates.contrastive_ms * scale

    def evaluation_s(self, config: TrainingConfig) -> float:
        """Return the seconds of an evaluation; shapes are classified on the own data only."""
        own = self.classifies and config.data is None
        return self.rates.evaluation_s + (self.rates.classification_s if own else 0)

    def grids_s(self, config: TrainingConfig) -> float:
        """Return the seconds of a set of sample grids."""
        return self.rates.grids_s * _share(config)

    def needs(self, config: TrainingConfig, first: int = 0) -> Needs:
        """Return what is left of a run from batch `first` on."""
        rates, work = self.rates, self.work(config, first)
        fast, slow = self.batch_ms(config)
        grids = work.grids * rates.grids_mb * _share(config) * 1e6
        # While a checkpoint is written, the previous one is still there.
        fixed = ((2 + work.snapshots) * rates.checkpoint_mb + rates.others_mb) * 1e6
        events = (work.batches + work.contrastive) / config.summary_freq * rates.event_bytes
        seconds = (
            (work.batches * fast + work.contrastive * slow) / 1000
            + work.evaluations * self.evaluation_s(config)
            + work.grids * self.grids_s(config)
        )
        return Needs(seconds, grids + fixed + events, grids)

    def rest(self, left: Sequence[Left]) -> Needs:
        """Return what all these runs still need."""
        parts = [self.needs(run.config, run.next_batch) for run in left]
        return sum(parts, Needs(0, 0, 0))

    def parts(self, config: TrainingConfig) -> str:
        """Return how the time of a run is made up."""
        work, (fast, slow) = self.work(config), self.batch_ms(config)
        jobs = (
            (work.batches, "batch", "batches", fast / 1000),
            (work.contrastive, "contrastive batch", "contrastive batches", slow / 1000),
            (work.evaluations, "evaluation", None, self.evaluation_s(config)),
            (work.grids, "set of sample grids", "sets of sample grids", self.grids_s(config)),
        )
        return ", ".join(
            f"{counted(count, one, many)} of {seconds * 1000:.0f} ms"
            if seconds < 1
            else f"{counted(count, one, many)} of {seconds:.1f} s"
            for count, one, many, seconds in jobs
            if count and seconds
        )

    def memory(self, config: TrainingConfig) -> float:
        """Return the bytes of memory that a run takes, with its data."""
        return self.rates.memory_gb * 1e9 + self._held(config, self.rates.image_bytes)

    def stored(self, config: TrainingConfig) -> float:
        """Return the bytes that the data set takes on disk."""
        return self._held(config, self.rates.stored_bytes)

    def _held(self, config: TrainingConfig, image_bytes: int) -> float:
        """Return the bytes of all images, given those of an image of the experiment's own data."""
        if config.data is None:
            return (self.images(config) + self.rates.group_images) * image_bytes
        return self.images(config) * self.experiment.images.size**2 * (config.channels or 1)


def lines(
    experiment: Experiment, configs: Sequence[TrainingConfig], left: Sequence[Left]
) -> list[str]:
    """Return lines on what the runs of a grid need, and what is left to do.

    Args:
        experiment: The experiment.
        configs: Those of all runs.
        left: The runs to train.
    """
    estimate = _estimate(experiment)
    if estimate is None:
        return ["what a run needs has not been measured for this experiment"]
    needs = [estimate.needs(config) for config in configs]
    own, config = max(zip(needs, configs, strict=True), key=lambda pair: pair[0].seconds)
    which = "each run" if len(configs) > 1 else "the run"
    if any(other != own for other in needs):
        which = "the longest run"
    found = [
        f"{which}: about {duration(own.seconds)} on two CPU cores ({estimate.parts(config)}), "
        f"{_disk(own)}, {size(estimate.memory(config))} of memory",
    ]
    whole = sum(needs, Needs(0, 0, 0))
    if len(configs) > 1:
        text = f"{duration(whole.seconds)} one after another, {size(whole.disk)} of disk"
        found.append(f"{len(configs)} runs: about {text}")
    rest = estimate.rest(left)
    if left and rest != whole:
        found.append(f"left to do: about {duration(rest.seconds)}, {size(rest.disk)} of disk")
    if stored := estimate.stored(config):
        found.append(f"the data set, once: {size(stored)} of disk")
    found.append(f"computed from what was measured on {MACHINE}")
    return [*found, *warnings(experiment, left)]


def warnings(experiment: Experiment, left: Sequence[Left]) -> list[str]:
    """Return a line if the disk has too little space for what is left; see `lines`.

    There is none in a task of a main script, which has printed its own.
    """
    estimate = _estimate(experiment)
    if estimate is None or not left or parent.is_task():
        return []
    folder = left[0].folder
    while not folder.exists():
        folder = folder.parent
    needed, free = estimate.rest(left), shutil.disk_usage(folder).free
    if free >= needed.disk:
        return []
    helps = any(0 < run.config.vis_freq < _SPARSE for run in left)
    fewer = f"draw fewer grids (e.g. --set vis_freq={_SPARSE}), " if helps else ""
    return [
        f"warning: {folder} has {size(free)} of free disk space, but training needs about "
        f"{_disk(needed)}: free some, {fewer}or name a folder on another disk (--set "
        "result_root_folder=...)"
    ]


def _estimate(experiment: Experiment) -> Estimate | None:
    rates = RATES.get(experiment.folder.name)
    return Estimate(experiment, rates) if rates else None


def _disk(needs: Needs) -> str:
    grids = f" ({size(needs.grids)} of it sample grids)" if needs.grids else ""
    return f"{size(needs.disk)} of disk{grids}"
