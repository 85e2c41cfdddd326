"""The table of our mean scores beside the paper's."""

import csv
import json
import math

import numpy as np
import pytest
from PIL import Image

from disentanglement import records
from disentanglement.evaluation import table
from disentanglement.files import fingerprint
from tests.scores import SCORES, cells, read_tables, save_record


def save(folder, name="final_metrics.json", model="InfoGAN-CR", shift=0.0, batches=9, **config):
    scores = {score: value + shift for score, value in SCORES.items()} | {"dhsic": 0.1}
    run = config.pop("run", 0)
    config = {"info_coe_de": 0.05, "run": run} | config
    about = {"name": model, "batches": batches, "run": run, "config": config}
    save_record(folder / name, scores=scores, **about)


def ours(capsys):
    """Return the cells of our rows, in all printed tables."""
    rows = map(cells, capsys.readouterr().out.splitlines())
    return [row for row in rows if row[:1] == ["ours"]]


@pytest.fixture
def results(tmp_path):
    for run, shift in enumerate((0.0, 0.01, 0.05)):
        save(tmp_path / f"run-{run},", shift=shift, run=run)
        save(
            tmp_path / f"run-{run},", "final_metrics_global_id-7.json",
            "InfoGAN (modified)", batches=8, run=run,
        )  # fmt: skip
    records.save(tmp_path / "run-0,", {"state": "finished", "scores": {}})
    # None of these may count: scores and runs that were set aside, half a file, other JSON files.
    save(tmp_path / "run-0,", "final_metrics.old-1.json", shift=5)
    save(tmp_path / "run-0,.old-1", shift=5)
    save(tmp_path / "run-0,", ".final_metrics.partial.json", shift=5)
    (tmp_path / "notes.json").write_text("[1, 2]")
    (tmp_path / "package.json").write_text('{"model": "x", "scores": 3}')
    return tmp_path


def test_mean_and_standard_error(results):
    modified, ours = table.rows(list(table.find_records([results]).values()))
    assert (ours.model, ours.batches, ours.runs) == ("InfoGAN-CR", 9, 3)
    np.testing.assert_allclose(ours.means, np.arange(1, 8) * 0.1 + 0.02)
    expected = math.sqrt((0.02**2 + 0.01**2 + 0.03**2) / 2 / 3)
    np.testing.assert_allclose(ours.errors, expected)
    assert (modified.model, modified.runs) == ("InfoGAN (modified)", 3)
    np.testing.assert_allclose(modified.errors, 0, atol=1e-15)


def test_text_csv_and_picture(results, capsys):
    out = {"csv": results / "out" / "table.csv", "picture": results / "out" / "table.png"}
    options = [word for name, path in out.items() for word in (f"--{name}", str(path))]
    assert table.main([str(results), *options]) == 0
    tables, _ = read_tables(capsys.readouterr().out)
    (lines,) = tables.values()
    assert lines[0] == [
        "", "model", "batches", "runs",
        "FactorVAE", "DCI (RF, IB-GAN)", "SAP", "Explicitness", "Modularity", "MIG", "BetaVAE",
    ]  # fmt: skip
    assert lines[2][:6] == ["ours", "InfoGAN-CR", "9", "3", "0.12 ± 0.02", "0.22 ± 0.02"]
    assert lines[4][:6] == ["paper", "InfoGAN-CR", "322,560", "50", "0.88 ± 0.01", "0.71 ± 0.01"]
    paper = {line[1]: line[4:] for line in lines[4:]}
    assert paper["FactorVAE (40)"][0] == "0.82 ± 0.01"
    assert paper["InfoGAN-CR, the paper's first version"][1:3] == ["0.74 ± 0.01", ""]
    assert paper["InfoGAN-CR, chosen by ModelCentrality"][0] == "0.92"
    found = list(csv.DictReader(out["csv"].read_text().splitlines()))
    assert float(found[1]["FactorVAE"]) == pytest.approx(0.12)
    assert float(found[1]["BetaVAE s.e."]) == pytest.approx(0.0152753, rel=1e-5)
    with Image.open(out["picture"]) as picture:
        assert picture.width > 1000
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10


def test_the_table_in_a_readme_is_replaced(results, tmp_path, capsys):
    readme, (begin, end) = tmp_path / "README.md", table._MARKS
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for _ in range(2):
        assert table.main([str(results), "--readme", str(readme)]) == 0
    made = capsys.readouterr().out.splitlines()
    lines = readme.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert lines[3:-3] == made[: len(lines) - 6]
    dlib = begin.replace(".table", ".table --protocol dlib")
    readme.write_text(f"{begin}\n{end}\nbetween\n{dlib}\nold\n{end}\nafter\n")
    table.put_into(readme, "new", "dlib")
    assert readme.read_text() == f"{begin}\n{end}\nbetween\n{dlib}\n\nnew\n\n{end}\nafter\n"
    readme.write_text("no marks")
    assert table.main([str(results), "--readme", str(readme)]) == 2
    assert "needs one line" in capsys.readouterr().err
    assert readme.read_text() == "no marks"


def test_one_run_has_no_standard_error(tmp_path, capsys):
    save(tmp_path)
    assert table.main([str(tmp_path / "final_metrics.json")]) == 0
    (row, *_) = ours(capsys)
    assert row[4] == "0.10"
    assert not any("±" in cell for cell in row)


def test_models_that_differ_are_not_averaged(tmp_path):
    save(tmp_path / "a", info_coe_de=0.05)
    save(tmp_path / "b", info_coe_de=0.2)
    save(tmp_path / "c", batches=100, info_coe_de=0.05)
    rows = table.rows(list(table.find_records([tmp_path]).values()))
    assert [(row.model, row.batches, row.runs) for row in rows] == [
        ("InfoGAN-CR (info_coe_de=0.05)", 9, 1),
        ("InfoGAN-CR (info_coe_de=0.2)", 9, 1),
        ("InfoGAN-CR (info_coe_de=0.05)", 100, 1),
    ]


def test_missing_scores_are_left_empty(tmp_path, capsys):
    found = {"scores": {"mig": 0.5}, "metrics": {}, "model": {"name": "mine"}}
    (tmp_path / "mine.json").write_text(json.dumps(found))
    assert table.main([str(tmp_path), "--csv", str(tmp_path / "t.csv")]) == 0
    assert ours(capsys) == [["ours", "mine", "", "1", "", "", "", "", "", "0.50", ""]]
    row = "ours,mine,,1,unknown,protocol unknown,,,,," + "," * 11 + "0.5,,,"
    assert (tmp_path / "t.csv").read_text().splitlines()[-1] == row


def test_mistakes_are_one_line(tmp_path, capsys):
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "null.json").write_text('{"model": null, "scores": {"mig": null}}')
    (tmp_path / "empty").mkdir()
    save(tmp_path / "good")
    good = str(tmp_path / "good" / "final_metrics.json")
    for arguments, message in [
        ([tmp_path / "absent"], "no such file or folder"),
        ([tmp_path / "run.json"], "not a record of scores"),
        ([tmp_path / "null.json"], "not a record of scores"),
        ([tmp_path / "empty"], "no scores in"),
        ([tmp_path / "bad.json"], "cannot be read"),
        ([good, "--picture", "table.xyz"], "the name must end in .png, .pdf or .svg"),
        ([good, "--csv", good], "that is a record of scores; name another file"),
    ]:
        assert table.main([str(word) for word in arguments]) == 2
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
    assert records.read(tmp_path / "good", "final_metrics.json")["scores"]


def test_copies_are_not_averaged(tmp_path, capsys):
    for folder, checkpoint in (("a", "abc"), ("b", "abc"), ("c", "d")):
        save_record(tmp_path / folder / "s.json", run=0, checkpoint=checkpoint)
    (row,) = table.rows(list(table.find_records([tmp_path]).values()))
    assert row.runs == 2
    said = capsys.readouterr().err
    assert "note: skipping" in said
    assert ": a copy of" in said


def test_a_copied_file_is_not_another_run(tmp_path, capsys):
    for file, codes in (("a", 1.0), ("copy", 1.0), ("other", 2.0)):
        record = {"scores": SCORES, "model": {"name": "m", "run": 0}, "seed": 0}
        records.save(tmp_path, record | {"fingerprint": {"codes": [[codes]]}}, f"{file}.json")
    assert [path.stem for path in table.find_records([tmp_path])] == ["a", "other"]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"note: skipping {tmp_path / 'copy.json'}: a copy of {tmp_path / 'a.json'}" in said


def test_the_note_on_a_column_needs_a_score_in_it(tmp_path, capsys):
    protocol = {"dataset": "Bars", "images": 64}
    for scores, noted in (({"mig": 0.5}, False), (SCORES, True)):
        save_record(tmp_path / "scores.json", protocol, scores)
        assert table.main([str(tmp_path)]) == 0
        assert ("dci_rf_ibgan" in capsys.readouterr().out) == noted


def test_records_without_a_run_stand_alone(tmp_path):
    for folder, mig in (("a", 0.5), ("b", 0.6)):
        records.save(
            tmp_path / folder, {"scores": {"mig": mig}, "model": {"name": "codes"}}, "s.json"
        )
    rows = table.rows(list(table.find_records([tmp_path]).values()))
    assert [row.runs for row in rows] == [1, 1]


def test_a_score_that_some_runs_lack(tmp_path, capsys):
    for run, scores in enumerate(({"mig": 0.5, "sap": 0.1}, {"mig": 0.7}, {"mig": 0.6})):
        records.save(
            tmp_path, {"scores": scores, "model": {"name": "m", "run": run}}, f"{run}.json"
        )
    assert table.main([str(tmp_path)]) == 0
    (row,) = ours(capsys)
    assert row[6] == "0.10 (of 1)"
    assert row[9] == "0.60 ± 0.06"


def test_scores_of_a_model_that_was_trained_further_are_left_out(tmp_path, capsys):
    folder = tmp_path / "run-0,"
    for name, place in (
        ("final_metrics.json", "checkpoint"),
        ("final_metrics_global_id-7.json", "checkpoint/global_id-7"),
    ):
        path = folder / place / "model.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        save(folder, name, model=name, batches=8)
        record = json.loads((folder / name).read_text())
        record["model"]["checkpoint"] = fingerprint(path)
        records.save(folder, record, name)
    assert len(table.find_records([tmp_path])) == 2
    (folder / "checkpoint" / "model.npz").write_text("trained further")
    (left,) = table.find_records([tmp_path])
    assert left.name == "final_metrics_global_id-7.json"
    line = "final_metrics.json: its model was trained further; run main_final_metrics.py"
    assert line in capsys.readouterr().err
    named = folder / "final_metrics.json"
    assert list(table.find_records([named, left])) == [left]
    assert f"note: skipping {folder}/{line}" in capsys.readouterr().err
    assert table.main([str(named)]) == 2
    err = capsys.readouterr().err
    assert f"{folder}/{line}" in err
    assert err.count("\n") == 1
