"""What a run writes while it trains: sample grids, metric.csv, TensorBoard scalars, time.txt.

A callback is told where training stands. After a resume, `begin` brings its files back to the
checkpoint's state, so that they end up as those of an unbroken run (time.txt tells of the break).
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

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import atomic_path, write_text
from disentanglement.streams import stream
from disentanglement.training import visualize
from disentanglement.training.position import UNTRAINED, Position


class Callback:
    """Does nothing; a base for those that do something at some of these moments."""

    def begin(self, next_batch: int) -> None:
        """Before the first batch of this process, number next_batch (0: a new run)."""

    def batch_end(self, position: Position, report: dict[str, np.ndarray]) -> None:
        """After a batch; `report` holds its losses. At an epoch's end epoch_end follows."""

    def acts_after(self, position: Position) -> bool:
        """Whether batch_end does more there than note the report; it must see the model then."""
        return False

    def epoch_start(self, epoch_id: int) -> None:
        """Before an epoch's first batch."""

    def epoch_end(self, position: Position) -> None:
        """After an epoch's last batch."""

    def snapshot(self, position: Position) -> None:
        """The model as it is now will be kept."""

    def flush(self) -> None:
        """Bring to disk what is written so far: a checkpoint follows."""

    def close(self) -> None:
        """Training stops, for whatever reason."""


class SampleGrids(Callback):
    """Pictures of traversals and random samples, and the codes inferred back from the latter.

    In `folder`: `<position>,latent-<J>.png`, one per latent, rows of which differ in the base
    vector; `,latent-all.png` of random latents; `,latent-recovered.npz` with these latents [N, D],
    the samples [N, H, W, C] and the codes [N, K] that the encoder finds in them. Of a model that
    reconstructs, also `,reconstructed.png`: rows of the data set's images, each above what the
    model makes of it.
    """

    def __init__(self, model, dataset, folder: Path):
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

    def acts_after(self, position):
        return _every(self.config.vis_freq, position)

    def batch_end(self, position, report):
        if self.acts_after(position):
            self._draw(position)

    def epoch_end(self, position):
        self._draw(position)

    def snapshot(self, position):
        self._draw(position)

    def _draw(self, position):
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

    def _save(self, images, position, name):
        if self.config.output_reverse:
            images = 1 - images
        columns = self.config.vis_num_sample
        picture = visualize.grid(images, len(images) // columns, columns)
        visualize.save_picture(self.folder / f"{position.prefix},{name}.png", picture)


class MetricTable(Callback):
    """metric.csv: one row per evaluation, each position once.

    evaluate: () -> {column: score}.
    """

    def __init__(self, evaluate: Callable[[], dict[str, float]], path: Path, config):
        self.evaluate, self.path, self.config = evaluate, path, config
        self.rows: list[dict[str, str]] = []

    def begin(self, next_batch):
        try:
            text = self.path.read_text() if self.path.exists() else ""
            rows = csv.DictReader(text.splitlines())
            self.rows = [r for r in rows if _is_whole(r) and int(r["global_id"]) < next_batch]
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"{self.path}: not a table of this program ({error}): move it away and run again"
            ) from error
        if self.rows or self.path.exists():
            self._write()
        if next_batch == 0 and self.config.metric_untrained and not self.rows:
            self._log(UNTRAINED)

    def acts_after(self, position):
        return _every(self.config.metric_freq, position)

    def batch_end(self, position, report):
        if self.acts_after(position):
            self._log(position)

    def epoch_end(self, position):
        self._log(position)

    def snapshot(self, position):
        self._log(position)

    def last_scores(self) -> dict[str, float]:
        """The scores in the last row; {} if there is none."""
        row = self.rows[-1] if self.rows else {}
        return {
            name: float(value)
            for name, value in row.items()
            if value and name not in vars(UNTRAINED)
        }

    def _log(self, position):
        if any(int(row["global_id"]) == position.global_id for row in self.rows):
            return
        scores = {name: repr(float(value)) for name, value in self.evaluate().items()}
        if not scores:
            return  # there are no metrics
        self.rows.append({key: str(value) for key, value in vars(position).items()} | scores)
        self._write()

    def _write(self):
        columns = dict.fromkeys(key for row in self.rows for key in row)
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())


class TensorBoard(Callback):
    """An event file per process with every value of the report; a vector is one scalar per code.

    Written through Python's own file, at once: TensorBoard's writer has a thread of its own, in
    which a full disk shows late and as a traceback.
    """

    def __init__(self, folder: Path, config):
        self.folder, self.config = folder, config
        self.file = self.writer = None

    def begin(self, next_batch):
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        with os_errors_in_one_line(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file = (self.folder / name).open("wb")
        self.writer = RecordWriter(self.file)
        self._add(file_version="brain.Event:2")
        # Tells TensorBoard to forget what an earlier process wrote from here on.
        self._add(step=next_batch, session_log=SessionLog(status=SessionLog.START))

    def batch_end(self, position, report):
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

    def flush(self):
        with os_errors_in_one_line(self.file.name):
            self.file.flush()

    def close(self):
        if self.file:
            with contextlib.suppress(OSError):  # a full disk was reported when it was noticed
                self.file.close()

    def _add(self, **content):
        with os_errors_in_one_line(self.file.name):
            self.writer.write(Event(wall_time=time.time(), **content).SerializeToString())


class Times(Callback):
    """time.txt: when each epoch started and ended, and when the run was resumed."""

    def __init__(self, path: Path):
        self.path = path

    def begin(self, next_batch):
        if next_batch:
            self._note(f"resumed before global_id {next_batch}")

    def epoch_start(self, epoch_id):
        self._note(f"epoch {epoch_id} starts")

    def epoch_end(self, position):
        self._note(f"epoch {position.epoch_id} ends")

    def _note(self, text):
        with os_errors_in_one_line(self.path), self.path.open("a") as file:
            file.write(f"{datetime.now().isoformat(sep=' ', timespec='seconds')} {text}\n")


def _every(frequency, position):
    """True after every so many batches of an epoch; at its end epoch_end is called anyway."""
    return position.batch_id >= 0 and (position.batch_id + 1) % frequency == 0


def _is_whole(row):
    return None not in row.values() and None not in row
