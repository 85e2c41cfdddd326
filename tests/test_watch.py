"""Trainings that go wrong with finite numbers are reported."""

import logging

import numpy as np
import pytest

from disentanglement import records
from disentanglement.training import watch
from disentanglement.training.position import Position
from tests import tiny


def report(real, fake):
    return {"discriminator/mean_on_real": real, "discriminator/mean_on_fake": fake}


@pytest.fixture(scope="module")
def model():
    return tiny.build()


def test_when_the_discriminator_is_certain(model):
    assert model.trouble(report(0.5, 0.5)) is None
    assert model.trouble(report(0.999, 0.02)) is None
    assert model.trouble(report(0.97, 0.001)) is None
    assert "try another run number" in model.trouble(report(0.995, 0.001))


def test_one_warning_for_many_batches_in_a_row(model, caplog):
    callback = watch.Watch(model)
    certain, healthy = report(1.0, 0.0), report(0.5, 0.5)
    for batch in range(3 * watch.PATIENCE):
        callback.batch_end(Position(0, batch, batch), healthy if batch == 100 else certain)
    (warning,) = callback.warnings
    assert warning["batch"] == 100 + watch.PATIENCE
    assert "told all generated images from real ones" in warning["warning"]
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


def test_the_record_keeps_warnings(tmp_path, monkeypatch):
    """Those of batches that a resumed run trains again are dropped."""
    monkeypatch.setattr(watch, "PATIENCE", 2)
    monkeypatch.setattr("disentanglement.algorithms.infogan_cr._CERTAIN", 0.0)  # always certain
    tiny.train(tmp_path, max_batches=3)
    (warning,) = records.read(tmp_path)["warnings"]
    assert warning["batch"] == 1
    records.save(tmp_path, records.read(tmp_path) | {"warnings": [warning, warning | {"batch": 9}]})
    tiny.train(tmp_path, max_batches=4)
    assert records.read(tmp_path)["warnings"] == [warning]


def test_models_without_such_a_failure(model):
    from disentanglement.algorithms.model import Model

    assert Model.trouble(model, {"anything": np.float32(1)}) is None
