"""Scores in metric.csv and in TensorBoard, through interruptions; no model is trained."""

import csv
from pathlib import Path

import pytest

from disentanglement.config import InfoGANCRConfig
from disentanglement.training.callbacks import MetricTable, TensorBoard
from disentanglement.training.position import Plan
from tests import runs
from tests.tiny import CONFIG

PLAN = Plan(16, 48)


class Session:
    """One process of a run: batches have a loss, and every evaluation another score."""

    evaluations = 0

    def __init__(self, folder, **changes):
        self.config = InfoGANCRConfig(**(CONFIG | changes))
        self.board = TensorBoard(folder / "checkpoint", self.config)
        self.table = MetricTable(
            self.evaluate, folder / "metric.csv", self.config, self.board.add_scores
        )

    def evaluate(self):
        Session.evaluations += 1
        return {"mig": Session.evaluations / 8, "factor_vae": 0.5}

    def begin(self, first):
        for callback in (self.board, self.table):
            callback.begin(first)
        return self

    def train(self, first, last):
        for global_id in range(first, last):
            position = PLAN.position(global_id)
            for callback in (self.board, self.table):
                callback.batch_end(position, {"loss": global_id})
                if PLAN.ends_epoch(global_id):
                    callback.epoch_end(position)
                    callback.epoch_report(position)
        return self

    def end(self):
        self.board.close()

    def kill(self):
        """Lose what has not been flushed, as kill -9 would."""
        path = Path(self.board.file.name)
        on_disk = path.read_bytes()
        self.board.close()
        path.unlink()
        path.with_name("events.out.tfevents.0000000000.killed").write_bytes(on_disk)


def points(folder, tag):
    return [(event.step, event.value) for event in runs.events(folder).Scalars(tag)]


def rows(folder):
    with (folder / "metric.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_score_is_a_scalar_at_its_global_id(tmp_path):
    Session(tmp_path).begin(0).train(0, 18).end()
    expected = [(int(row["global_id"]), float(row["mig"])) for row in rows(tmp_path)]
    assert [step for step, _ in expected] == [-1, 3, 7, 11, 15]
    assert points(tmp_path, "metrics/mig") == expected
    assert points(tmp_path, "metrics/factor_vae") == [(step, 0.5) for step, _ in expected]


@pytest.mark.parametrize("first", [0, 3, 4, 5, 8, 12])
def test_no_score_is_lost_or_doubled_after_a_restart(tmp_path, first):
    """The first process is killed after batch 12; the last checkpoint is before batch `first`."""
    killed = Session(tmp_path).begin(0).train(0, first)
    killed.board.flush()  # a checkpoint follows
    killed.train(first, 13).kill()
    Session(tmp_path).begin(first).train(first, 18).end()
    expected = [(int(row["global_id"]), float(row["mig"])) for row in rows(tmp_path)]
    assert [step for step, _ in expected] == [-1, 3, 7, 11, 15]
    assert points(tmp_path, "metrics/mig") == expected


@pytest.mark.parametrize("before", [0, 6])
def test_metric_freq_0_evaluates_nothing(tmp_path, before):
    """Rows that an earlier process wrote stay, but are not the scores of the trained model."""
    if before:
        Session(tmp_path).begin(0).train(0, 6).kill()
    count = Session.evaluations
    session = Session(tmp_path, metric_freq=0).begin(before).train(before, 48)
    session.table.snapshot(PLAN.position(47))
    session.end()
    assert Session.evaluations == count
    assert session.table.last_scores() == {}
    assert (tmp_path / "metric.csv").exists() == bool(before)
    assert len(rows(tmp_path) if before else []) == (2 if before else 0)


def test_last_scores_are_those_of_the_last_batch(tmp_path):
    session = Session(tmp_path).begin(0).train(0, 48)
    session.end()
    table = session.table
    last = rows(tmp_path)[-1]
    assert table.last_scores() == {name: float(last[name]) for name in ("mig", "factor_vae")}
    table.batch_end(PLAN.position(44), {})  # trained on, not scored
    assert table.last_scores() == {}
