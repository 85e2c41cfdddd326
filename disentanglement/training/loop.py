"""The training loop: batches, callbacks, checkpoints, resume.

A model (model.py) knows how a batch changes it; this file knows nothing of any algorithm. The state
after n batches is a function of config and n alone: every random number comes from (run, purpose,
position), and a checkpoint holds all variables. So a run that is killed anywhere and started again
ends as an unbroken one.
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from disentanglement import engine, records
from disentanglement.algorithms.model import Model
from disentanglement.config import changed_keys
from disentanglement.data.dataset import Dataset
from disentanglement.errors import TrainingStopped, UserError
from disentanglement.files import locked
from disentanglement.networks import export
from disentanglement.streams import stream
from disentanglement.training import checkpoint, feed, visualize
from disentanglement.training.callbacks import (
    Callback,
    MetricTable,
    SampleGrids,
    TensorBoard,
    Times,
)
from disentanglement.training.position import Plan
from disentanglement.training.progress import Progress

log = logging.getLogger(__name__)

_BLOCK = 40  # batches in one call on an accelerator; divides the paper's frequencies


Scores = Callable[[], dict[str, float]]


def no_scores() -> dict[str, float]:
    """Score nothing during training."""
    return {}


def train(model: Model, dataset: Dataset, work_dir: Path, scores: Scores = no_scores) -> None:
    """Train `model` on `dataset` as model.config says, leaving everything in `work_dir`.

    Resumes from the checkpoint in work_dir, if there is one.

    Args:
        model: The untrained model.
        dataset: What it is trained on.
        work_dir: The run's folder; created if it does not exist.
        scores: Returns the scores of the model as it is at the time, by name: metric.csv's columns.

    Raises:
        UserError: For anything the user can fix.
        TrainingStopped: After Ctrl-C, SIGTERM or SIGALRM; the state has been saved.
    """
    train_together([model], dataset, [work_dir], [scores])


def train_together(
    models: Sequence[Model],
    dataset: Dataset,
    work_dirs: Sequence[Path],
    scores: Sequence[Scores],
) -> None:
    """`train` several models at once, each in its folder as if alone; more than one: JAX only.

    The configs may differ in `run` only. Models whose checkpoints are behind catch up first.
    """
    if len(models) > 1 and engine.NAME != "JAX":
        raise UserError("training several runs together needs JAX: set KERAS_BACKEND=jax")
    with contextlib.ExitStack() as stack:
        runs = []
        for model, work_dir, own_scores in zip(models, work_dirs, scores, strict=True):
            stack.enter_context(locked(Path(work_dir)))
            runs.append(TrainingRun(model, dataset, Path(work_dir), own_scores))
        images = feed.Feed(dataset, engine.has_accelerator())
        for run in runs:
            run.model.connect(images)
            stack.enter_context(run.session())
        _train(runs)


def _train(runs: list["TrainingRun"]) -> None:
    total = runs[0].plan.total
    first = min(run.next for run in runs)
    with _stop_requests() as stop, Progress(total, first) as progress:
        while first < total:
            group = [run for run in runs if run.next == first]
            # All at once must not overtake a run that is ahead of them.
            ahead = min((run.next for run in runs if run.next > first), default=total)
            n = group[0].block_length()
            n = n if first + n <= ahead else 1
            rows = [run.begin_block(n) for run in group]
            if len(group) == 1:
                reports = [group[0].model.train_block(rows[0], first)]
            else:
                models = [run.model for run in group]
                reports = Model.train_stack(models, rows, first)
            stopping = bool(stop)  # read once: a later request waits for the next block
            for run, report in zip(group, reports, strict=True):
                run.end_block(report, n, stopping)
            first = min(run.next for run in runs)
            progress.update(n, _shown(group[0].model, reports[0]))
            if stopping and first < total:
                raise TrainingStopped(
                    f"stopped after batch {first} of {total}; saved in "
                    f"{', '.join(str(run.checkpoint) for run in runs)}. The same command goes on "
                    "from there."
                )


def _shown(model, report):
    """The last values of a block's report that the model wants on the progress line."""
    return {label: report[tag][-1] for label, tag in model.progress.items() if tag in report}


class TrainingRun:
    """One run being trained in its folder."""

    def __init__(self, model: Model, dataset: Dataset, work_dir: Path, scores: Scores):
        self.model, self.dataset, self.work_dir = model, dataset, work_dir
        self.config = model.config
        if self.config.batch_size > len(dataset):
            raise UserError(
                f"batch_size {self.config.batch_size} is more than the {len(dataset)} images"
            )
        self.plan = Plan.of(self.config, len(dataset))
        self.checkpoint = work_dir / "checkpoint" / checkpoint.FILE
        self.table = MetricTable(scores, work_dir / "metric.csv", self.config)
        self.callbacks: list[Callback] = [
            TensorBoard(work_dir / "checkpoint", self.config),
            SampleGrids(model, dataset, work_dir / "sample"),
            self.table,
            Times(work_dir / "time.txt"),
        ]
        self.data = feed.identity(dataset)
        self.seconds = 0.0  # spent training, over all processes
        self.next = 0  # number of the next batch
        self._order: np.ndarray | None = None  # of the images, in the epoch _order_epoch
        self._order_epoch = -1

    @contextlib.contextmanager
    def session(self):
        """Restore the run, keep its record up to date whatever happens, and finish it."""
        self.next = self._restore()
        devices = engine.devices()
        log.info("training on %s", ", ".join(devices))
        if os.environ.get("CUDA_VISIBLE_DEVICES") and devices == ["CPU"]:
            log.warning("no GPU found by %s: its CUDA packages are missing", engine.NAME)
        self.record = records.start(self.work_dir, self.config, devices) | {"data": self.data}
        self.clock = time.monotonic() - self.seconds
        try:
            self._tell("begin", self.next)
            yield
            self._finish()
        except (TrainingStopped, KeyboardInterrupt):
            records.save(self.work_dir, self.record | {"state": "stopped"})
            raise
        except Exception as error:
            why = str(error) if isinstance(error, UserError) else repr(error)
            # On a full disk this fails too; the first reason is the one to report.
            with contextlib.suppress(UserError):
                records.save(self.work_dir, self.record | {"state": "failed", "why": why})
            raise
        finally:
            self._tell("close")

    def block_length(self) -> int:
        """How many batches to train in one call: all or one of `batches_per_call`.

        Only so many, because each length is compiled anew. Nothing but TensorBoard scalars may be
        due between the batches of a block.
        """
        limit = self.config.batches_per_call or (_BLOCK if engine.has_accelerator() else 1)
        for global_id in range(self.next, self.next + limit - 1):
            if self._is_due(global_id) or self.model.changes_before(global_id + 1):
                return 1
        return limit

    def begin_block(self, n: int) -> np.ndarray:
        """Make ready for the next n batches; returns the numbers of their images [n, batch]."""
        epoch, batch_id = divmod(self.next, self.plan.batches_per_epoch)
        if self._order_epoch != epoch:
            rng = stream(self.config.run, "shuffle", epoch)
            self._order, self._order_epoch = rng.permutation(len(self.dataset)), epoch
        if batch_id == 0:
            self._tell("epoch_start", epoch)
        if self.model.snapshot_before(self.next):
            self._snapshot(self.next - 1)
        self.model.start_batch(self.next)
        size = self.config.batch_size
        return self._order[batch_id * size :][: n * size].reshape(n, size)

    def end_block(self, reports: dict[str, np.ndarray], n: int, stopping: bool) -> None:
        """Note and save what is due after the n batches of these reports; stopping: save anyway."""
        for i, global_id in enumerate(range(self.next, self.next + n)):
            report = {name: value[i] for name, value in reports.items()}
            self._check_finite(report, global_id)
            position = self.plan.position(global_id)
            self._tell("batch_end", position, report)
            if self.plan.ends_epoch(global_id):
                self._tell("epoch_end", position)
        self.next += n
        if stopping or self._saves_after(self.next - 1):
            self._save(self.checkpoint, self.next)

    def _saves_after(self, global_id):
        checkpoint_freq = self.config.checkpoint_freq
        return self.plan.ends_epoch(global_id) or (global_id + 1) % checkpoint_freq == 0

    def _is_due(self, global_id):
        position = self.plan.position(global_id)
        return self._saves_after(global_id) or any(c.acts_after(position) for c in self.callbacks)

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
        feed.check_same(self.checkpoint, meta.get("data"), self.dataset)
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
            {
                "next_batch": next_batch,
                "seconds": self.seconds,
                "config": self.record["config"],
                "data": self.data,
            },
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
        records.save(self.work_dir, self.record)

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
    """Collect Ctrl-C, SIGTERM and the alarm clock, so that training stops between batches.

    Yields a list that is empty until one came; a second one is obeyed at once.
    """
    requests = []

    def handle(number, frame):
        if requests:
            raise KeyboardInterrupt
        requests.append(number)
        why = b"time is up: " if number == signal.SIGALRM else b""
        # Not through `log`: the signal may have come in the middle of a message.
        with contextlib.suppress(OSError):  # Ctrl-C may have ended what reads our output
            os.write(
                2,
                b"\n%sstopping after this batch (another Ctrl-C: at once, without saving)\n" % why,
            )

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    old = {number: signal.signal(number, handle) for number in signals}
    try:
        yield requests
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
