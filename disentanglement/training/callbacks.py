"""What a run writes while it trains: metric.csv, TensorBoard scalars, time.txt, sample grids.

The loop tells a callback the training position. After a resume, `begin` restores a callback's
files to the state of the checkpoint, so they end up like those of an uninterrupted run (only
time.txt records the interruption). The sample grids are in sample_grids.py.
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

from disentanglement.config import TrainingConfig
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import write_text
from disentanglement.training.position import UNTRAINED, Position, scores_in

Scores = Callable[[], dict[str, float]]
ScoresReport = Callable[[Position, dict[str, float]], None]


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
        """Act after a batch with these losses; epoch_end and epoch_report may follow."""

    def epoch_end(self, position: Position) -> None:
        """Act after the last batch of an epoch."""

    def epoch_report(self, position: Position) -> None:
        """Act after epoch_end, in every epoch_freq-th epoch and the last one."""

    def snapshot(self, position: Position) -> None:
        """Act before a snapshot: a checkpoint of the current model that is kept."""

    def flush(self) -> None:
        """Write everything to disk: a checkpoint follows."""

    def close(self) -> None:
        """Release files: training has ended, for whatever reason."""


class MetricTable(Callback):
    """Write metric.csv: one row per evaluation, and at most one per position.

    The csv module rather than pandas: rows stay text, so a resumed run rewrites them unchanged, and
    a score is written as the repr of its float.

    With metric_freq 0 nothing is evaluated. Rows of an earlier process stay in the file.

    Args:
        evaluate: Returns the scores of the current model, by column.
        path: The file.
        config: The run's config.
        report: Called with each row before it is written.
    """

    def __init__(
        self,
        evaluate: Scores,
        path: Path,
        config: TrainingConfig,
        report: ScoresReport = lambda position, scores: None,
    ):
        self.evaluate, self.path, self.config, self.report = evaluate, path, config, report
        self.rows: list[dict[str, str]] = []
        self.last_batch = UNTRAINED.global_id

    def begin(self, next_batch: int) -> None:
        self.last_batch = next_batch - 1
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
        if next_batch == 0 and self.rows:  # the earlier process was killed early
            self.report(UNTRAINED, scores_in(self.rows[0]))
        elif next_batch == 0 and self.config.metric_untrained:
            self._log(UNTRAINED)

    def acts_after(self, position: Position) -> bool:
        return is_due(self.config.metric_freq, position)

    def batch_end(self, position: Position, report: dict[str, np.ndarray]) -> None:
        self.last_batch = position.global_id
        if self.acts_after(position):
            self._log(position)

    def epoch_report(self, position: Position) -> None:
        self._log(position)

    def snapshot(self, position: Position) -> None:
        self._log(position)

    def last_scores(self) -> dict[str, float]:
        """Return the scores of the model as it is now, {} if it was not scored."""
        row = self.rows[-1] if self.rows else {}
        return scores_in(row) if row.get("global_id") == str(self.last_batch) else {}

    def _log(self, position: Position) -> None:
        if not self.config.metric_freq:
            return
        if any(int(row["global_id"]) == position.global_id for row in self.rows):
            return
        scores = self.evaluate()
        if not scores:
            return  # no metrics were asked for
        row = {key: str(value) for key, value in vars(position).items()}
        row |= {name: repr(float(value)) for name, value in scores.items()}
        self.report(position, scores_in(row))
        self.rows.append(row)
        self._write()

    def _write(self) -> None:
        columns = dict.fromkeys(key for row in self.rows for key in row)
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())


class TensorBoard(Callback):
    """Write the reports and the scores to an event file; a vector becomes one scalar per code.

    A step is a global_id; that of the untrained model is -1.

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
        first = next_batch or UNTRAINED.global_id
        self._add(step=first, session_log=SessionLog(status=SessionLog.START))

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

    def add_scores(self, position: Position, scores: dict[str, float]) -> None:
        """Write the scores of the model at this position, and flush: metric.csv follows."""
        values = [
            Summary.Value(tag=f"metrics/{name}", simple_value=value)
            for name, value in scores.items()
        ]
        self._add(step=position.global_id, summary=Summary(value=values))
        self.flush()

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


def is_due(frequency: int, position: Position) -> bool:
    """Whether this is every `frequency`-th batch of an epoch; epoch_report covers its last.

    Nothing is due with frequency 0.
    """
    return bool(frequency) and position.batch_id >= 0 and (position.batch_id + 1) % frequency == 0


def _is_complete(row: dict[str, str]) -> bool:
    return None not in row.values() and None not in row
