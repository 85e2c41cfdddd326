"""python -m disentanglement.figures: what it writes, and what is committed in results/."""

import shutil

import numpy as np
import pytest
from PIL import Image

from disentanglement import records, sheet
from disentanglement.evaluation import table, table1
from disentanglement.experiments import figures, pretrained
from disentanglement.training import weights
from tests.experiments import ROOT
from tests.scores import PAPERS, save_record

RESULTS = ROOT / "results"
RUN = "InfoGAN-CR_dSprites/hour/run-0,"


def dsprites_table(results):
    return table.compare(table.find_records([results]))[:1]  # the one with the paper's rows


def info(path):
    with Image.open(path) as picture:
        return picture.info | {"size": picture.size, "frames": getattr(picture, "n_frames", 1)}


def check_pictures(results):
    """Check that the three pictures show the records in the folder."""
    best = figures.best_model(results)
    about = records.read(best.folder, "final_metrics.json")
    title = info(results / "Figure1.png")["Title"]
    for part in (
        "InfoGAN-CR on dSprites",
        f"{about['model']['batches']:,} batches",
        f"run {about['model']['run']}",
        f"FactorVAE score {about['scores']['factor_vae']:.2f}",
    ):
        assert part in title
    gif = info(results / "traversal.gif")
    assert gif["comment"].decode() == title
    assert gif["frames"] == 28  # 15 values and back, the ends once
    assert gif["loop"] == 0
    assert (results / "traversal.gif").stat().st_size < 1_000_000
    source = info(results / "Table1.png")[table1.SOURCE]
    assert source == table.as_csv(dsprites_table(results))


def test_the_committed_pictures_show_the_committed_records():
    check_pictures(RESULTS)


@pytest.mark.slow
def test_the_command_writes_the_pictures(tmp_path, capsys, monkeypatch):
    shutil.copytree(RESULTS / RUN, tmp_path / RUN)
    save_record(tmp_path / "few.json", PAPERS | {"groups": 50}, run=1)
    monkeypatch.chdir(tmp_path)
    loaded, restore = [], weights.restore

    def note(folder, model):
        loaded.append(folder.parent)
        restore(folder, model)

    monkeypatch.setattr(weights, "restore", note)
    theirs = (RESULTS / RUN / "traversal.png").read_bytes()
    (tmp_path / "Table1.png").write_bytes(theirs)
    (tmp_path / "traversal.gif").write_text("notes")
    for _ in range(2):
        assert figures.main(["."]) == 0  # the model in this folder, not its namesake in results/
        check_pictures(tmp_path)
        assert loaded[-1] == tmp_path / RUN
    # A picture that the command has not made is kept, its own are replaced.
    assert (tmp_path / "Table1.old-1.png").read_bytes() == theirs
    assert (tmp_path / "traversal.old-1.gif").read_text() == "notes"
    assert len(list(tmp_path.glob("*.old-*"))) == 2
    said = capsys.readouterr().out
    assert "is not ours; renamed Table1.old-1.png" in said
    # The run's scores by other protocols, and the record of 50 groups.
    left = len(table.find_records([tmp_path])) - 2
    assert left >= 3
    assert f"2 records: Table1.png\nnote: {left} of {left + 2} records are of other data" in said


def test_a_runs_own_picture_is_not_taken_for_ours(tmp_path):
    picture = sheet.draw(["a run"], [sheet.Row(np.zeros((1, 8, 8, 1), np.uint8))])
    sheet.save(tmp_path / "Figure1.png", picture, ["a run"])
    assert not figures._is_ours(tmp_path / "Figure1.png")
    assert figures._is_ours(RESULTS / "Figure1.png")


def fake_model(results, name, score, model="InfoGAN-CR", dataset="DSprites"):
    folder = results / name
    (folder / "weights").mkdir(parents=True)
    records.save(folder, {"config": {}})
    about = {"model": {"name": model}, "protocol": {"dataset": dataset}}
    records.save(folder, about | {"scores": {"factor_vae": score}}, "final_metrics.json")


def test_the_best_model_is_chosen(tmp_path):
    fake_model(tmp_path, "run-0,", 0.7)
    fake_model(tmp_path, "run-1,", 0.8)
    fake_model(tmp_path, "run-2,", 0.75)
    fake_model(tmp_path, "teapots,", 0.9, dataset="Teapots")
    fake_model(tmp_path, "vae,", 0.9, model="FactorVAE (10)")
    fake_model(tmp_path, "run-3,.old-1", 0.9)
    assert figures.best_model(tmp_path) == pretrained.Published(tmp_path / "run-1,")


def test_no_model_is_one_line(tmp_path, capsys):
    fake_model(tmp_path, "vae,", 0.9, model="FactorVAE (10)")
    assert figures.main([str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "no InfoGAN-CR model on dSprites" in err
    assert err.count("\n") == 1


def row(model, batches, source="ours"):
    return table.Row(source, model, batches, 1, *[np.ones(7)] * 3)


def test_the_share_of_the_papers_training():
    rows = [
        row("InfoGAN (modified)", 14_400),
        row("InfoGAN-CR", 16_128),
        row("InfoGAN-CR (info_coe_de=0.2)", 322_560),
        row("FactorVAE (10)", 4_000),
        row("mine", 5),
        row("FactorVAE (1)", 300_000),
        *table.paper_rows(),
    ]
    assert table1.shares_of_training(rows) == {
        "1/20": ["InfoGAN (modified)", "InfoGAN-CR"],
        "1/78": ["FactorVAE (10)"],
    }
