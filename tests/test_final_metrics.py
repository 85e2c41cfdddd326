"""Scoring a trained run: its last model and the one before the contrastive term."""

import json

import numpy as np
import pytest

from disentanglement import records
from disentanglement.config import InfoGANCRConfig
from disentanglement.errors import UserError
from disentanglement.evaluation import final_metrics
from disentanglement.evaluation.computed_arrays import ShapeProbabilities
from disentanglement.evaluation.metric_lists import MetricLists
from disentanglement.files import fingerprint, locked
from disentanglement.metrics.suite import METRICS
from tests import tiny
from tests.runs import rows
from tests.tiny import build

BOTH = ("final_metrics.json", "final_metrics_global_id-11.json")
CONFIG = InfoGANCRConfig(**tiny.CONFIG)
FINAL = {name: METRICS[name] for name in ("factor_vae", "dhsic", "mig")}


@pytest.fixture
def folder(finished_run):
    return finished_run


def test_both_models_are_scored(folder):
    final_metrics.score_run(build(), tiny.Bars(), FINAL, folder)
    last, before = (json.loads((folder / name).read_text()) for name in BOTH)
    assert (last["model"]["name"], last["model"]["batches"]) == ("InfoGAN-CR", 48)
    assert (before["model"]["name"], before["model"]["batches"]) == ("InfoGAN (modified)", 12)
    assert last["model"]["config"]["info_coe_de"] == 0.05
    table = {row["global_id"]: row for row in rows(folder)}
    # The same images as during training: the same scores, to the last digit.
    for found, row in ((last, table["47"]), (before, table["11"])):
        assert found["scores"]["factor_vae"] == float(row["factor_vae"])
        assert found["scores"]["dhsic"] == float(row["dhsic"])
        assert 0 <= found["scores"]["mig"] <= 1


def test_scores_that_are_there_are_kept(folder):
    model = build()
    final_metrics.score_run(model, tiny.Bars(), {"mig": FINAL["mig"]}, folder)
    assert final_metrics.is_done(folder, {"mig": FINAL["mig"]}, CONFIG)
    assert not final_metrics.is_done(folder, FINAL, CONFIG)
    before = records.read(folder, BOTH[0])["metrics"]["mig"]
    final_metrics.score_run(model, tiny.Bars(), FINAL, folder)
    assert records.read(folder, BOTH[0])["metrics"]["mig"] == before
    assert final_metrics.is_done(folder, FINAL, CONFIG)

    seen, encode = [], model.encode
    model.encode = lambda images: (seen.append(len(images)), encode(images))[1]
    final_metrics.score_run(model, tiny.Bars(), FINAL, folder)
    assert seen == [64] * 4  # only the fingerprints of the two models, encoded twice


@pytest.mark.slow
def test_a_run_that_trained_on_is_scored_again(folder):
    final_metrics.score_run(build(), tiny.Bars(), FINAL, folder)
    tiny.train(folder, epoch=4)
    assert not final_metrics.is_done(folder, FINAL, CONFIG)
    final_metrics.score_run(build(epoch=4), tiny.Bars(), FINAL, folder)
    assert records.read(folder, BOTH[0])["model"]["batches"] == 64
    assert records.read(folder, "final_metrics.old-1.json")["model"]["batches"] == 48
    assert not list(folder.glob("final_metrics_*.old-*"))


def test_refusals(folder):
    with pytest.raises(UserError, match="was trained with another config: its info_coe_de differs"):
        final_metrics.score_run(build(info_coe_de=0.1), tiny.Bars(), FINAL, folder)
    records.save(folder, records.read(folder) | {"state": "stopped"})
    with pytest.raises(UserError, match="training has not finished here: run main.py first"):
        final_metrics.score_run(build(), tiny.Bars(), FINAL, folder)
    with pytest.raises(UserError, match="training has not finished"):
        final_metrics.score_run(build(), tiny.Bars(), FINAL, folder / "nowhere")


def test_a_damaged_score_file_is_named(folder):
    (folder / BOTH[0]).write_text("{")
    assert not final_metrics.is_done(folder, FINAL, CONFIG)
    with pytest.raises(UserError, match="final_metrics.json: cannot be read .* remove it"):
        final_metrics.score_run(build(), tiny.Bars(), FINAL, folder)


def test_two_processes_do_not_score_one_run(folder):
    with locked(folder), pytest.raises(UserError, match="another process is using this folder"):
        final_metrics.score_run(build(), tiny.Bars(), FINAL, folder)


def test_sample_quality_needs_the_classifier(tmp_path):
    lists, said = MetricLists({}, METRICS, (ShapeProbabilities(tmp_path / "absent.keras"),)), []
    left = lists.available(METRICS, said.append)
    assert set(METRICS) - set(left) == {"sample_quality"}
    assert len(said) == 1
    assert "run gan/train_DSpritesInceptionScore.py to create it" in said[0]
    (tmp_path / "absent.keras").touch()
    assert lists.available(METRICS, said.append) == METRICS


def test_sample_quality_of_a_model(tmp_path, monkeypatch):
    from disentanglement.networks import shape_classifier

    path = tmp_path / "shape_classifier.keras"
    shape_classifier.save_keras(shape_classifier.fold(shape_classifier.network()), path)
    monkeypatch.setattr("disentanglement.evaluation.computed_arrays.SAMPLES", 600)
    model = build()
    compute, about = ShapeProbabilities(path).arrays(model, tiny.Bars())["shape_probabilities"]
    made = compute()
    assert about == {"classifier": fingerprint(path), "samples": 600}
    assert made.shape == (600, 3)
    np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(made, compute())
