"""What a run writes while it trains: sample grids, metric.csv, TensorBoard scalars, time.txt.

The loop tells a callback the training position. After a resume, `begin` restores a callback's
files to the state of the checkpoint, so they end up like those of an uninterrupted run (only
time.txt records the interruption).
"""

import contextlib
import csv
import io
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from disentanglement.algorithms.model import Model
from disentanglement.config import TrainingConfig
from disentanglement.data.dataset import Dataset
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import atomic_path, write_text
from disentanglement.streams import stream
from disentanglement.training import visualize
from disentanglement.training.position import UNTRAINED, Position

Scores = Callable[[], dict[str, float]]


class Callback:
    """A base class that does nothing; subclasses act at some of these moments."""

    def begin(self, next_batch: int) -> None:
        """Prepare for the first batch of this process, number next_batch (0 in a new run)."""

    def epoch_start(self, epoch_id: int) -> None:
        """Act before the first batch of an epoch."""

    def acts_after(self, position: Position) -> bool:
        """Whether batch_end needs the model as it is at this position, not only the report."""
        return False

    def batch_end(self, position: Position, report: dict[str, np.ndarray]) -> None:
        """Act after a batch with these losses; at the end of an epoch, epoch_end follows."""

    def epoch_end(self, position: Position) -> None:
        """Act after the last batch of an epoch."""

    def snapshot(self, position: Position) -> None:
        """Act before a snapshot: a checkpoint of the current model that is kept."""

    def flush(self) -> None:
        """Write everything to disk: a checkpoint follows."""

    def close(self) -> None:
        """Release files: training has ended, for whatever reason."""


class SampleGrids(Callback):
    """Draw latent traversals and random samples, and encode the samples again.

    In `folder`, every name starts with the position:

    * `,latent-<j>.png`: a traversal of latent j; each row has its own base vector.
    * `,latent-all.png`: samples of random latents.
    * `,latent-recovered.npz`: these latents [N, D], their samples [N, H, W, C] and the codes [N, K]
      that the encoder infers from the samples.
    * `,reconstructed.png`, of a model that reconstructs: rows of images of the data set, each above
      a row of their reconstructions.
    """

    def __init__(self, model: Model, dataset: Dataset, folder: Path):
        self.model, self.folder, self.config = model, folder, model.config
        columns, rows = self.config.vis_num_sample, self.config.vis_num_rep
        rng = stream(self.config.run, "sample grids")
        base = model.latent.sample(rng, rows)
        self.random = model.latent.sample(rng, rows * columns)
        self.traversals = [
            model.latent.traverse(base, j, columns) for j in range(len(model.latent.names))
        ]
        rng = stream(self.config.run, "reconstructed images")
        self.originals = dataset.images(rng.integers(len(dataset), size=rows * columns))

    def acts_after(self, position: Position) -> bool:
        return _is_due(self.config.vis_freq, position)

    def batch_end(self, position: Position, report: dict[str, np.ndarray]) -> None:
        if self.acts_after(position):
            self._draw(position)

    def epoch_end(self, position: Position) -> None:
        self._draw(position)

    def snapshot(self, position: Position) -> None:
        self._draw(position)

    def _draw(self, position: Position) -> None:
        latents = [self.random, *self.traversals]
        samples, *traversals = np.split(self.model.generate(np.concatenate(latents)), len(latents))
        codes = self.model.encode(samples)
        with atomic_path(self.folder / f"{position.prefix},latent-recovered.npz") as temporary:
            np.savez_compressed(temporary, latents=self.random, samples=samples, codes=codes)
        self._save(samples, position, "latent-all")
        for j, images in enumerate(traversals):
            self._save(images, position, f"latent-{j}")
        reconstructed = self.model.reconstruct(self.originals)
        if reconstructed is not None:
            both = np.stack([self.originals, reconstructed], axis=1)
            self._save(both.reshape(-1, *both.shape[2:]), position, "reconstructed")

    def _save(self, images: np.ndarray, position: Position, name: str) -> None:
        if self.config.output_reverse:
            images = 1 - images
        columns = self.config.vis_num_sample
        picture = visualize.grid(images, len(images) // columns, columns)
        visualize.save_picture(self.folder / f"{position.prefix},{name}.png", picture)


class MetricTable(Callback):
    """Write metric.csv: one row per evaluation, and at most one per position.

    The csv module rather than pandas: rows stay text, so a resumed run rewrites them unchanged, and
    a score is written as the repr of its float.

    Args:
        evaluate: Returns the scores of the current model, by column.
        path: The file.
        config: The run's config.
    """

    def __init__(self, evaluate: Scores, path: Path, config: TrainingConfig):
        self.evaluate, self.path, self.config = evaluate, path, config
        self.rows: list[dict[str, str]] = []

    def begin(self, next_batch: int) -> None:
        try:
            text = self.path.read_text() if self.path.exists() else ""
            rows = csv.DictReader(text.splitlines())
            self.rows = [r for r in rows if _is_complete(r) and int(r["global_id"]) < next_batch]
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"{self.path}: not a metric table ({error}): move it away and run again"
            ) from error
        if self.rows or self.path.exists():
            self._write()
        if next_batch == 0 and self.config.metric_untrained and not self.rows:
            self._log(UNTRAINED)

    def acts_after(self, position: Position) -> bool:
        return _is_due(self.config.metric_freq, position)

    def batch_end(self, position: Position, report: dict[str, np.ndarray]) -> None:
        if self.acts_after(position):
            self._log(position)

    def epoch_end(self, position: Position) -> None:
        self._log(position)

    def snapshot(self, position: Position) -> None:
        self._log(position)

    def last_scores(self) -> dict[str, float]:
        """Return the scores in the last row, or {} if there are no rows."""
        row = self.rows[-1] if self.rows else {}
        return {
            name: float(value)
            for name, value in row.items()
            if value and name not in vars(UNTRAINED)
        }

    def _log(self, position: Position) -> None:
        if any(int(row["global_id"]) == position.global_id for row in self.rows):
            return
        scores = {name: repr(float(value)) for name, value in self.evaluate().items()}
        if not scores:
            return  # no metrics were asked for
        self.rows.append({key: str(value) for key, value in vars(position).items()} | scores)
        self._write()

    def _write(self) -> None:
        columns = dict.fromkeys(key for row in self.rows for key in row)
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())


class TensorBoard(Callback):
    """Write every value of the reports to an event file; a vector becomes one scalar per code.

    Each process has its own event file, written in this thread. TensorBoard's own writer uses
    another thread, where a full disk shows up late and as a traceback.
    """

    file: BinaryIO
    writer: RecordWriter

    def __init__(self, folder: Path, config: TrainingConfig):
        self.folder, self.config = folder, config
        self._open_files = contextlib.ExitStack()

    def begin(self, next_batch: int) -> None:
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        with os_errors_in_one_line(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file = self._open_files.enter_context((self.folder / name).open("wb"))
        self.writer = RecordWriter(self.file)
        self._add(file_version="brain.Event:2")
        # Makes TensorBoard drop what an earlier process wrote from this step on.
        self._add(step=next_batch, session_log=SessionLog(status=SessionLog.START))

    def batch_end(self, position: Position, report: dict[str, np.ndarray]) -> None:
        if position.global_id % self.config.summary_freq:
            return
        values = []
        for tag, value in report.items():
            if np.ndim(value) == 0:
                values.append(Summary.Value(tag=tag, simple_value=float(value)))
            else:
                values += [
                    Summary.Value(tag=f"{tag}/code_{j}", simple_value=float(item))
                    for j, item in enumerate(value)
                ]
        self._add(step=position.global_id, summary=Summary(value=values))

    def flush(self) -> None:
        with os_errors_in_one_line(self.file.name):
            self.file.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a full disk has been reported already
            self._open_files.close()

    def _add(self, **content: Any) -> None:
        with os_errors_in_one_line(self.file.name):
            self.writer.write(Event(wall_time=time.time(), **content).SerializeToString())


class Times(Callback):
    """Note in time.txt when each epoch started and ended, and when the run was resumed."""

    def __init__(self, path: Path):
        self.path = path

    def begin(self, next_batch: int) -> None:
        if next_batch:
            self._note(f"resumed before global_id {next_batch}")

    def epoch_start(self, epoch_id: int) -> None:
        self._note(f"epoch {epoch_id} starts")

    def epoch_end(self, position: Position) -> None:
        self._note(f"epoch {position.epoch_id} ends")

    def _note(self, text: str) -> None:
        with os_errors_in_one_line(self.path), self.path.open("a") as file:
            file.write(f"{datetime.now().isoformat(sep=' ', timespec='seconds')} {text}\n")


def _is_due(frequency: int, position: Position) -> bool:
    """Whether this is every `frequency`-th batch of an epoch; epoch_end covers an epoch's last."""
    return position.batch_id >= 0 and (position.batch_id + 1) % frequency == 0


def _is_complete(row: dict[str, str]) -> bool:
    return None not in row.values() and None not in row
