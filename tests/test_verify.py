"""reproduce --verify: published scores, pictures and files are confirmed, or named."""

import re
import shutil

import pytest

from disentanglement import checksums, records
from disentanglement.errors import UserError
from disentanglement.evaluation import final_metrics
from disentanglement.evaluation.named_protocols import named
from disentanglement.experiments import reproduce, verify
from disentanglement.experiments.load import load
from disentanglement.experiments.runs import RunFolder
from tests import tiny
from tests.experiments import ROOT, short_bars_experiment


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return short_bars_experiment(tmp_path_factory.mktemp("verify") / "Bars")


@pytest.fixture(scope="module")
def original(experiment, unbroken):
    """The finished run, scored and published."""
    ours = load(experiment)
    grid = ours.grid().select("3")
    run = RunFolder(experiment.parent, grid.scheduler, grid.tasks[0])
    shutil.copytree(unbroken, run.path)
    ours.score(run.task.config, run.path)
    metrics = named("dlib").chosen(["mig"])
    final_metrics.score_run(tiny.build(), tiny.Bars(), metrics, run.path, protocol="dlib")
    ours.draw_traversals(run.task.config, run.path)
    folder = experiment.parent / "records" / "run-3,"
    reproduce.publish(run, folder, experiment.name)
    return folder


@pytest.fixture
def published(original, tmp_path):
    """A copy that a test may change; the results folder holds nothing else."""
    return shutil.copytree(original, tmp_path / "records" / original.name)


def lines(published, experiment, capsys):
    """Return the number of models that differ, and what is printed."""
    wrong = verify.verify(published.parent, experiment=experiment)
    return wrong, capsys.readouterr().out


def test_what_is_published_is_confirmed(published, experiment, capsys):
    wrong, text = lines(published, experiment, capsys)
    assert wrong == 0
    assert text.count("confirmed (") == 2  # the final model and the one before the term
    assert text.endswith("2 of 2 models confirmed\n")


def test_another_score_and_another_picture(published, experiment, capsys):
    record = records.read(published, "final_metrics.json")
    record["metrics"]["mig"]["scores"]["mig"] += 0.01
    record["scores"]["mig"] += 0.01
    record["metrics"]["dci_rf_ibgan"]["scores"]["dci_rf_ibgan.disentanglement"] += 0.01
    record["scores"]["dci_rf_ibgan.disentanglement"] += 0.01
    records.save(published, record, "final_metrics.json")
    shutil.copy(ROOT / "results" / "Figure1.png", published / "traversal.png")
    checksums.write(published)
    wrong, text = lines(published, experiment, capsys)
    assert wrong == 1
    assert f"  mig: {record['metrics']['mig']['scores']['mig'] - 0.01:.6g}, published" in text
    assert "dci_rf" not in text  # within a forest's tolerance
    assert "  traversal.png: " in text


def test_another_score_by_another_protocol(published, experiment, capsys):
    name = "final_metrics_dlib_global_id-11.json"
    record = records.read(published, name)
    record["metrics"]["dlib.mig"]["scores"]["dlib.mig"] += 0.01
    records.save(published, record, name)
    checksums.write(published)
    wrong, text = lines(published, experiment, capsys)
    assert wrong == 1
    assert re.search(r"run-3/global_id-11: DIFFERS .*\n  dlib\.mig: 0\.\d+, published 0\.\d", text)
    assert verify.verify(published.parent, fast=True, experiment=experiment) == 0
    assert "  not computed: --protocol dlib\n" in capsys.readouterr().out


def test_numbers_that_contradict_each_other(published, experiment, capsys):
    record = records.read(published, "final_metrics.json")
    record["scores"]["mig"] += 0.3
    record["model"]["batches"] += 1
    records.save(published, record, "final_metrics.json")
    about = records.read(published)
    about["scores"] = {"factor_vae": 2.0}
    records.save(published, about)
    checksums.write(published)
    wrong, text = lines(published, experiment, capsys)
    assert wrong == 1
    assert "  scores: are not those of the metrics below them" in text
    assert "  batches: 48 according to the weights" in text
    assert "  factor_vae in run.json: 2" in text


def test_a_run_folder_by_itself_has_a_name(published, experiment, capsys):
    assert verify.verify(published, experiment=experiment) == 0
    assert "run-3,: confirmed (" in capsys.readouterr().out


def test_scores_by_another_classifier_cannot_be_compared():
    def record(fingerprint, seconds):
        source = {"classifier": fingerprint, "seconds": seconds}
        entry = {"scores": {"sample_quality.x": 1.0}, "inputs": {"shape_probabilities": source}}
        return {"metrics": {"sample_quality": entry}}

    compare = verify.compare
    assert list(compare(record("a", 1), record("a", 2), ["sample_quality"])) == []
    (difference,) = compare(record("a", 1), record("b", 1), ["sample_quality"])
    assert "cannot be compared: published with" in difference.text


def test_latent_traversals_are_drawn_anew(published, experiment, capsys):
    shutil.copy(ROOT / "results" / "Figure1.png", published / "latent_trans" / "overview.png")
    checksums.write(published)
    wrong, text = lines(published, experiment, capsys)
    assert wrong == 1
    assert "  overview.png: " in text


def test_a_changed_file_and_a_missing_one(published, experiment, capsys):
    path = published / "weights" / "generator.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    wrong, text = lines(published, experiment, capsys)
    assert wrong == 2
    assert "SHA256SUMS: weights/generator.npz has changed or is damaged" in text
    path.unlink()
    assert "cannot read or write" in lines(published, experiment, capsys)[1]
    (published / checksums.FILE).unlink()
    assert "no SHA256SUMS here" in lines(published, experiment, capsys)[1]


def test_an_empty_folder(tmp_path):
    with pytest.raises(UserError, match="no published model here"):
        verify.verify(tmp_path)


def test_how_far_scores_may_be_apart():
    def record(**scores):
        return {"metrics": {name: {"scores": {name: value}} for name, value in scores.items()}}

    def differ(name, old, new):
        return [
            d.what for d in verify.compare(record(**{name: old}), record(**{name: new}), [name])
        ]

    assert differ("mig", 0.5, 0.5009) == []
    assert differ("mig", 0.5, 0.5011) == ["mig"]
    assert differ("dci_rf", 0.5, 0.519) == []
    assert differ("dci_rf", 0.5, 0.521) == ["dci_rf"]
    assert differ("mig", 0.5, float("nan")) == ["mig"]
    assert differ("frechet", 100.0, 100.05) == []  # relative, where a score is not below 1
    assert list(verify.compare(record(mig=0.5), record(), ["mig"])) != []


def test_checksums(tmp_path):
    (tmp_path / "a b").mkdir()
    path = tmp_path / "a b" / "c"
    path.write_text("text")
    checksums.check(tmp_path, path)  # nothing to compare with
    checksums.write(tmp_path)
    checksums.check_all(tmp_path)
    new = tmp_path / "new"
    new.touch()
    with pytest.raises(UserError, match="new is not listed there"):
        checksums.check(tmp_path, new)
    path.write_text("Text")
    with pytest.raises(UserError, match="a b/c has changed or is damaged: restore"):
        checksums.check_all(tmp_path)
    (tmp_path / checksums.FILE).write_text("nonsense\n")
    with pytest.raises(UserError, match="line 1 is not a checksum and a name"):
        checksums.check_all(tmp_path)
