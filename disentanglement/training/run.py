"""One run in its folder: restoring, logging and saving around the batches."""

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from disentanglement import engine, records
from disentanglement.algorithms.model import Model
from disentanglement.config import batch_error, first_change
from disentanglement.data.dataset import Dataset
from disentanglement.errors import TrainingStopped, UserError
from disentanglement.networks import export
from disentanglement.streams import stream
from disentanglement.training import checkpoint, feed, overlays, visualize
from disentanglement.training.activity import Activity
from disentanglement.training.callbacks import (
    Callback,
    MetricTable,
    Scores,
    TensorBoard,
    Times,
)
from disentanglement.training.position import Plan
from disentanglement.training.sample_grids import SampleGrids
from disentanglement.training.watch import Watch
from disentanglement.wording import counted

log = logging.getLogger(__name__)

_BLOCK = 40  # batches per call on an accelerator; divides the paper's frequencies


class TrainingRun:
    """A run being trained in its folder; the loop calls begin_block and end_block in turn.

    Args:
        model: The model.
        dataset: What it is trained on.
        activity: This process's claim to the run's folder.
        scores: Returns the scores of the model in its current state.

    Attributes:
        plan: How many batches the run has.
        next: Number of the next batch.
        saved: The same in the checkpoint.
        checkpoint: The run's checkpoint file.
    """

    record: dict[str, Any]
    start_time: float  # of the run, by the monotonic clock, as if it had never been interrupted

    def __init__(self, model: Model, dataset: Dataset, activity: Activity, scores: Scores):
        self.model, self.dataset, self.activity = model, dataset, activity
        self.work_dir = work_dir = activity.folder
        self.config = model.config
        if error := batch_error(self.config, len(dataset)):
            raise UserError(error)
        self.plan = Plan.of(self.config, len(dataset))
        self.checkpoint = work_dir / "checkpoint" / checkpoint.FILE
        board = TensorBoard(work_dir / "checkpoint", self.config)
        self.table = MetricTable(scores, work_dir / "metric.csv", self.config, board.add_scores)
        self.callbacks: list[Callback] = [
            board,
            *([SampleGrids(model, dataset, work_dir / "sample")] if self.config.vis_freq else []),
            self.table,
            Times(work_dir / "time.txt"),
        ]
        self.watch = Watch(model, lambda: records.save(work_dir, self.record))
        self.callbacks.append(self.watch)
        self.data = feed.identity(dataset)
        self.seconds = 0.0  # spent training, over all processes
        self.next = self.saved = 0
        self._order = np.empty(0, int)  # the shuffled image numbers of epoch _order_epoch
        self._order_epoch = -1

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """Restore the run, record its state however the block ends, and finish it."""
        self.next = self.saved = self._restore()
        devices = engine.devices()
        log.info("training on %s", ", ".join(devices))
        if os.environ.get("CUDA_VISIBLE_DEVICES") and devices == ["CPU"]:
            log.warning("%s found no GPU; are its CUDA packages installed?", engine.NAME)
        earlier = records.read(self.work_dir).get("warnings", [])
        last_seen = self.activity.previous.get("updated")
        self.watch.warnings = [w for w in earlier if w["batch"] < self.next]
        more = {"data": self.data, "warnings": self.watch.warnings}
        self.record = records.start(self.work_dir, self.config, devices, self.next, last_seen, more)
        self.start_time = time.monotonic() - self.seconds
        try:
            self.activity.progress(self.next, self.plan.total)
            self._notify("begin", self.next)
            yield
            self._finish()
        except (TrainingStopped, KeyboardInterrupt):
            self._end_session()
            records.save(self.work_dir, self.record | {"state": "stopped"})
            raise
        except Exception as error:
            failure = {"state": "failed", "why": records.reason(error)}
            # On a full disk this fails too; the first error is the one to report.
            self._end_session()
            with contextlib.suppress(UserError):
                records.save(self.work_dir, self.record | failure)
            raise
        finally:
            self._notify("close")

    @property
    def batches_per_call(self) -> int:
        """How many batches a compiled call trains where nothing is due between them."""
        return self.config.batches_per_call or (_BLOCK if engine.has_accelerator() else 1)

    def block_length(self) -> int:
        """Return how many batches to train in one call: `batches_per_call`, or 1.

        No other lengths, because each is compiled separately. Between the batches of a block,
        nothing may be due except TensorBoard scalars.
        """
        limit = self.batches_per_call
        for global_id in range(self.next, self.next + limit - 1):
            if self._is_due(global_id) or self.model.changes_before(global_id + 1):
                return 1
        return limit

    def begin_block(self, n: int) -> np.ndarray:
        """Prepare for the next n batches and return the numbers of their images [n, batch]."""
        epoch, batch_id = divmod(self.next, self.plan.batches_per_epoch)
        if self._order_epoch != epoch:
            rng = stream(self.config.run, "shuffle", epoch)
            self._order, self._order_epoch = rng.permutation(len(self.dataset)), epoch
        if batch_id == 0:
            self._notify("epoch_start", epoch)
        if self.model.snapshot_before(self.next):
            self._snapshot(self.next - 1)
        self.model.start_batch(self.next)
        size = self.config.batch_size
        return self._order[batch_id * size :][: n * size].reshape(n, size)

    def end_block(self, reports: dict[str, np.ndarray], n: int, stopping: bool) -> None:
        """Log n trained batches, and write whatever is due after them.

        Args:
            reports: The values of the batches, each [n, ...].
            n: The number of batches.
            stopping: Save a checkpoint even if none is due.
        """
        for i, global_id in enumerate(range(self.next, self.next + n)):
            report = {name: value[i] for name, value in reports.items()}
            self._check_finite(report, global_id)
            position = self.plan.position(global_id)
            self._notify("batch_end", position, report)
            if self.plan.ends_epoch(global_id):
                self._notify("epoch_end", position)
            if self.plan.reports_epoch(global_id):
                self._notify("epoch_report", position)
        self.next += n
        self.activity.progress(self.next, self.plan.total)
        if stopping or self._saves_after(self.next - 1):
            self._save(self.checkpoint, self.next)
            self.saved = self.next

    def _saves_after(self, global_id: int) -> bool:
        checkpoint_freq = self.config.checkpoint_freq
        return self.plan.reports_epoch(global_id) or (global_id + 1) % checkpoint_freq == 0

    def _is_due(self, global_id: int) -> bool:
        position = self.plan.position(global_id)
        ends = self.plan.ends_epoch(global_id) or self._saves_after(global_id)
        return ends or any(c.acts_after(position) for c in self.callbacks)

    def _restore(self) -> int:
        """Load the checkpoint, if there is one, and return the number of the next batch."""
        if not self.checkpoint.exists():
            return 0
        meta = checkpoint.load_meta(self.checkpoint)
        if change := first_change(meta["config"], self.config):
            raise UserError(
                f"{self.checkpoint} was trained with another config: {change}: change it back or "
                "use another folder"
            )
        feed.check_same(self.checkpoint, meta.get("data"), self.dataset)
        checkpoint.restore(self.checkpoint, self.model)
        self.seconds, self.watch.count = meta["seconds"], meta.get("batches_in_trouble", 0)
        next_batch = meta["next_batch"]
        if next_batch > self.plan.total:
            raise UserError(
                f"{self.checkpoint} has {counted(next_batch, 'batch', 'batches')}, more than the "
                f"{self.plan.total:,} asked for: increase epoch or max_batches, or use another "
                "folder"
            )
        log.info("resumed from %s: %d of %d batches", self.checkpoint, next_batch, self.plan.total)
        return next_batch

    def _save(self, path: Path, next_batch: int) -> None:
        self._notify("flush")
        self.seconds = time.monotonic() - self.start_time
        if name := checkpoint.first_non_finite(self.model):
            raise UserError(
                f"{name} holds NaN or infinity after batch {next_batch - 1}; {self._advice()}"
            )
        checkpoint.save(
            path,
            self.model,
            {
                "next_batch": next_batch,
                "seconds": self.seconds,
                "config": self.record["config"],
                "data": self.data,
                "batches_in_trouble": self.watch.count,
            },
        )

    def _snapshot(self, global_id: int) -> None:
        """Save the model as it is after batch global_id, next to the run's own checkpoint."""
        self._notify("snapshot", self.plan.position(global_id))
        folder = self.checkpoint.parent / f"global_id-{global_id}"
        self._save(folder / checkpoint.FILE, global_id + 1)

    def _check_finite(self, report: dict[str, np.ndarray], global_id: int) -> None:
        for name, value in report.items():
            if not np.isfinite(value).all():
                raise UserError(
                    f"{name} became {value} in batch {global_id} (epoch "
                    f"{self.plan.epoch(global_id)}); {self._advice()}"
                )

    def _advice(self) -> str:
        """Return what to do after NaN: where the last good checkpoint is, and what to try."""
        if not self.checkpoint.exists():
            return "there is no checkpoint yet. Try a lower learning rate or another run number."
        next_batch = checkpoint.load_meta(self.checkpoint)["next_batch"]
        return (
            f"the last good checkpoint is {self.checkpoint}, before batch {next_batch}. Try a "
            "lower learning rate or another run number."
        )

    def _end_session(self) -> None:
        """Note in the record when this session ended, and how many batches of it are saved."""
        session = self.record["sessions"][-1]
        session |= {"ended": records.now(), "batches": self.saved - session["first_batch"]}

    def _finish(self) -> None:
        for name, network in self.model.exports().items():
            export.save_keras(network, self.work_dir / f"{name}.keras")
        data, picture = self.data["dataset"], self.work_dir / "traversal.png"
        visualize.draw_traversal(picture, self.model, self.plan.total, data)
        if self.config.vis_shade:
            picture = self.work_dir / overlays.FILE
            overlays.draw_shaded(picture, self.model, self.plan.total, data)
        self._end_session()
        self.record |= {
            "state": "finished",
            "finished": records.now(),
            "batches": self.plan.total,
            "seconds": round(self.seconds, 1),
            "scores": self.table.last_scores(),
        }
        records.save(self.work_dir, self.record)

    def _notify(self, event: str, *arguments: Any) -> None:
        """Call this method of every callback."""
        for callback in self.callbacks:
            getattr(callback, event)(*arguments)
