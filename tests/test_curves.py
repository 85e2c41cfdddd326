"""Learning curves from metric.csv."""

import matplotlib
import pytest
from PIL import Image

from disentanglement import records
from disentanglement.evaluation import curves
from tests.experiments import ROOT

HEADER = "epoch_id,batch_id,global_id,factor_vae,dhsic\n"


@pytest.fixture
def results(tmp_path):
    """Two runs of InfoGAN-CR on dSprites, one of FactorVAE on teapots, one that was set aside."""
    infogan, tc = {"cr_coe_increase": 2.0}, {"tc_coe": 10.0}
    for name, config, dataset in (
        ("a/run-0,", infogan, "DSprites"),
        ("a/run-1,", infogan, "DSprites"),
        ("b/run-0,", tc, "Teapots"),
        ("a/run-0,.old-1", infogan, "DSprites"),
    ):
        folder = tmp_path / "results" / name
        records.save(folder, {"config": config, "data": {"dataset": dataset}})
        rows = "-1,-1,-1,0.3,0.1\n0,99,99,0.5,\n0,-1,199,0.7,0.2\n"
        (folder / "metric.csv").write_text(HEADER + rows)
    return tmp_path / "results"


def test_curves(results):
    folders = curves.find_runs([results, results / "a"])
    found = curves.read_curves(folders, "factor_vae")
    assert [curve.label for curve in found] == ["a/run-0,", "a/run-1,", "b/run-0,"]
    assert [curve.about for curve in found] == [
        "InfoGAN-CR on dSprites", "InfoGAN-CR on dSprites", "FactorVAE (10) on 3D teapots",
    ]  # fmt: skip
    assert found[0].batches.tolist() == [0, 100, 200]
    assert found[0].scores.tolist() == [0.3, 0.5, 0.7]
    sparse = curves.read_curves(folders, "dhsic")[0]
    assert sparse.batches.tolist() == [0, 200]


def test_the_papers_values(results):
    folders = curves.find_runs([results])
    assert curves.papers_values(folders, "factor_vae") == {"InfoGAN-CR": 0.88}
    assert curves.papers_values(folders, "mig") == {"InfoGAN-CR": 0.37}
    assert curves.papers_values(folders, "dhsic") == {}
    assert curves.papers_values(folders[-1:], "factor_vae") == {}  # teapots


def test_the_command(results, capsys, tmp_path):
    out = tmp_path / "out.png"
    assert curves.main([str(results / "a"), "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "run-0,: factor_vae 0.700 after 200 batches"
    with Image.open(out) as picture:
        assert min(picture.size) > 400
    assert curves.main([str(results / "a"), "--out", str(out)]) == 2
    assert "add --force" in capsys.readouterr().err
    assert curves.main([str(results / "a"), "--out", str(out), "--force"]) == 0


def test_the_picture_names_runs_data_and_the_papers_value(results, tmp_path):
    out = tmp_path / "out.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        assert curves.main([str(results), "--out", str(out)]) == 0
    found = out.read_text()
    for words in (
        "FactorVAE score (factor_vae)",
        "batches",
        "a/run-1, InfoGAN-CR on dSprites",
        "b/run-0, FactorVAE (10) on 3D teapots",
        "paper: InfoGAN-CR on dSprites, 0.88 after 322,560 batches",
    ):
        assert f">{words}</text>" in found


def test_runs_without_a_record_have_curves(tmp_path):
    (tmp_path / "metric.csv").write_text(HEADER + "-1,-1,-1,0.3,0.1\n")
    (curve,) = curves.read_curves([tmp_path], "factor_vae")
    assert curve.about == ""


def test_published_runs_have_curves():
    found = curves.read_curves(curves.find_runs([ROOT / "results"]), "factor_vae")
    (curve,) = [curve for curve in found if curve.label.startswith("InfoGAN-CR_dSprites/hour")]
    assert curve.scores[-1] == pytest.approx(0.648)
    assert curve.about == "InfoGAN-CR on dSprites"  # its old run.json does not name the data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "none: no such folder"),
        (["."], "no metric.csv in .: train a run there first"),
        (["results", "--metric", "factorvae"], "did you mean 'factor_vae'?"),
        (["results", "--out", "x.txt"], "must end in .png"),
        (["bad"], "not a metric table"),
    ],
)
def test_mistakes_are_one_line(results, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(results if arguments == ["."] else results.parent)
    if arguments == ["."]:
        for path in results.rglob("metric.csv"):
            path.unlink()
    (results.parent / "bad").mkdir()
    (results.parent / "bad" / "metric.csv").write_text("")
    assert curves.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
