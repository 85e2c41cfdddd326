"""The training loop: batches, callbacks, checkpoints, resume.

The model (see infogan_cr.py) knows how a batch changes it; this file knows nothing of any
algorithm. The state after n batches is a function of config and n alone: every random number comes
from (run, purpose, position), and a checkpoint holds all variables. So a run that is killed
anywhere and started again ends as an unbroken one.
"""

import contextlib
import logging
import os
import signal
import time
from pathlib import Path

import numpy as np

from disentanglement import checkpoint, engine, export, record, visualize
from disentanglement.callbacks import MetricTable, SampleGrids, TensorBoard, Times
from disentanglement.config import changed_keys
from disentanglement.errors import TrainingStopped, UserError
from disentanglement.files import locked
from disentanglement.metrics import evaluation
from disentanglement.metrics.suite import needed_arrays
from disentanglement.position import Plan
from disentanglement.progress import Progress
from disentanglement.streams import stream

log = logging.getLogger(__name__)


def train(model, dataset, metrics: dict, work_dir: Path, extra: dict | None = None) -> None:
    """Train `model` on `dataset` as model.config says, leaving everything in `work_dir`.

    Goes on from the checkpoint in work_dir if there is one. metrics: name -> metric function.
    extra: arrays which metrics take beside codes (`evaluation.Extra`), by name. Raises UserError
    for what the user can mend, TrainingStopped after Ctrl-C or SIGTERM.
    """
    work_dir = Path(work_dir)
    with locked(work_dir):
        Run(model, dataset, metrics, work_dir, extra or {}).train()


class Run:
    """One run in one folder."""

    def __init__(self, model, dataset, metrics, work_dir, extra):
        self.model, self.dataset, self.work_dir = model, dataset, work_dir
        self.metrics, self.extra = metrics, extra
        self.config = model.config
        if self.config.batch_size > len(dataset):
            raise UserError(
                f"batch_size {self.config.batch_size} is more than the {len(dataset)} images"
            )
        self.plan = Plan.of(self.config, len(dataset))
        self.checkpoint = work_dir / "checkpoint" / checkpoint.FILE
        self.table = MetricTable(self.evaluate, work_dir / "metric.csv", self.config)
        self.callbacks = [
            TensorBoard(work_dir / "checkpoint", self.config),
            SampleGrids(model, work_dir / "sample"),
            self.table,
            Times(work_dir / "time.txt"),
        ]
        self.seconds = 0.0  # spent training, over all processes
        self._images = None

    def train(self):
        next_batch = self._restore()
        devices = engine.devices()
        log.info("training on %s", ", ".join(devices))
        if os.environ.get("CUDA_VISIBLE_DEVICES") and devices == ["CPU"]:
            log.warning("no GPU found by TensorFlow: pip install 'tensorflow[and-cuda]' adds CUDA")
        self.record = record.start(self.work_dir, self.config, devices)
        self.clock = time.monotonic() - self.seconds
        try:
            self._tell("begin", next_batch)
            if next_batch < self.plan.total:
                self._loop(next_batch)
            self._finish()
        except (TrainingStopped, KeyboardInterrupt):
            record.save(self.work_dir, self.record | {"state": "stopped"})
            raise
        except Exception as error:
            why = str(error) if isinstance(error, UserError) else repr(error)
            # On a full disk this fails too; the first reason is the one to report.
            with contextlib.suppress(UserError):
                record.save(self.work_dir, self.record | {"state": "failed", "why": why})
            raise
        finally:
            self._tell("close")

    def _loop(self, next_batch):
        config, plan = self.config, self.plan
        order, order_epoch = None, None
        with _stop_requests() as stop, Progress(plan.total, next_batch) as progress:
            for global_id in range(next_batch, plan.total):
                epoch, batch_id = divmod(global_id, plan.batches_per_epoch)
                if order_epoch != epoch:
                    order = stream(config.run, "shuffle", epoch).permutation(len(self.dataset))
                    order_epoch = epoch
                    if batch_id == 0:
                        self._tell("epoch_start", epoch)
                if self.model.snapshot_before(global_id):
                    self._snapshot(global_id - 1)
                self.model.start_batch(global_id)
                rows = order[batch_id * config.batch_size :][: config.batch_size]
                report = self.model.train_batch(self.dataset.images(rows), global_id)
                self._check_finite(report, global_id)
                position = plan.position(global_id)
                self._tell("batch_end", position, report)
                if plan.ends_epoch(global_id):
                    self._tell("epoch_end", position)
                due = plan.ends_epoch(global_id) or (global_id + 1) % config.checkpoint_freq == 0
                stopping = bool(stop)  # read once: a later request waits for the next batch
                if due or stopping:
                    self._save(self.checkpoint, global_id + 1)
                progress.update(report)
                if stopping and global_id + 1 < plan.total:
                    raise TrainingStopped(
                        f"stopped after batch {global_id + 1} of {plan.total}; saved in "
                        f"{self.checkpoint}. The same command goes on from there."
                    )

    def _restore(self):
        """Load the checkpoint, if any; returns the number of the next batch."""
        if not self.checkpoint.exists():
            return 0
        meta = checkpoint.load_meta(self.checkpoint)
        if changed := changed_keys(meta["config"], self.config):
            key = changed[0]
            raise UserError(
                f"{self.checkpoint} is of another config: {key} was {meta['config'].get(key)!r}, "
                f"is now {getattr(self.config, key)!r}: change it back or use another folder"
            )
        checkpoint.restore(self.checkpoint, self.model)
        self.seconds = meta["seconds"]
        next_batch = meta["next_batch"]
        if next_batch > self.plan.total:
            raise UserError(
                f"{self.checkpoint} has {next_batch} batches, more than the {self.plan.total} "
                "asked for: ask for at least as many (epoch, max_batches) or use another folder"
            )
        log.info("resumed from %s: %d of %d batches", self.checkpoint, next_batch, self.plan.total)
        return next_batch

    def _save(self, path, next_batch):
        self._tell("flush")
        self.seconds = time.monotonic() - self.clock
        if name := checkpoint.not_finite(self.model):
            raise UserError(
                f"{name} holds NaN or infinity after batch {next_batch - 1}; {self._last_good()}"
            )
        checkpoint.save(
            path,
            self.model,
            {"next_batch": next_batch, "seconds": self.seconds, "config": self.record["config"]},
        )

    def _snapshot(self, global_id):
        """Keep the model as it is after batch global_id, beside the run's own checkpoint."""
        self._tell("snapshot", self.plan.position(global_id))
        folder = self.checkpoint.parent / f"global_id-{global_id}"
        self._save(folder / checkpoint.FILE, global_id + 1)

    def _check_finite(self, report, global_id):
        for name, value in report.items():
            if not np.isfinite(value).all():
                raise UserError(
                    f"{name} became {value} in batch {global_id} (epoch "
                    f"{self.plan.epoch(global_id)}); {self._last_good()}"
                )

    def _last_good(self):
        if not self.checkpoint.exists():
            return "there is no checkpoint yet. Try a lower learning rate or another run number."
        next_batch = checkpoint.load_meta(self.checkpoint)["next_batch"]
        return (
            f"the last good checkpoint is {self.checkpoint}, before batch {next_batch}. Try a "
            "lower learning rate or another run number."
        )

    def evaluate(self) -> dict[str, float]:
        """The scores of the model as it is now, on the same images every time."""
        if self._images is None:
            rng = evaluation.metric_stream(self.config.run)
            self._images = evaluation.draw_images(self.dataset, rng)
        needed = {array for metric in self.metrics.values() for array in needed_arrays(metric)}
        arrays = evaluation.encode_images(self.model.encode, self.dataset, self._images, needed)
        arrays |= {name: item.make() for name, item in self.extra.items() if name in needed}
        results = evaluation.score(self.metrics, arrays, self.config.run)
        scores = {k: v for name, result in results.items() for k, v in result.scores(name).items()}
        for name, result in results.items():
            if getattr(result, "dead_codes", 0):
                log.warning("%s: %d codes do not vary at all", name, result.dead_codes)
        log.info("scores: %s", ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))
        return scores

    def _finish(self):
        for name, network in self.model.exports().items():
            export.save_keras(network, self.work_dir / f"{name}.keras")
        self._draw_traversal()
        self.record |= {
            "state": "finished",
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "batches": self.plan.total,
            "seconds": round(self.seconds, 1),
            "scores": self.table.last_scores(),
        }
        record.save(self.work_dir, self.record)

    def _draw_traversal(self):
        latent, columns = self.model.latent, self.config.vis_num_sample
        base = latent.sample(stream(self.config.run, "traversal picture"), 1)
        rows = [
            self.model.generate(latent.traverse(base, j, columns)) for j in range(latent.num_codes)
        ]
        if self.config.output_reverse:
            rows = [1 - row for row in rows]
        values = latent.code.sweep(columns)
        names = latent.names[: latent.num_codes]
        visualize.save_traversal(self.work_dir / "traversal.png", rows, names, values)

    def _tell(self, moment, *arguments):
        for callback in self.callbacks:
            getattr(callback, moment)(*arguments)


@contextlib.contextmanager
def _stop_requests():
    """Collect Ctrl-C and SIGTERM, so that training stops between batches; a second one is obeyed.

    Yields a list that is empty until one came.
    """
    requests = []

    def handle(number, frame):
        if requests:
            raise KeyboardInterrupt
        requests.append(number)
        # Not through `log`: the signal may have come in the middle of a message.
        with contextlib.suppress(OSError):  # Ctrl-C may have ended what reads our output
            os.write(2, b"\nstopping after this batch (Ctrl-C again: at once, without saving)\n")

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
