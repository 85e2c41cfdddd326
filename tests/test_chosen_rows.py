"""Rows of the table for runs that were chosen without labels."""

import shutil

import numpy as np

from disentanglement import records
from disentanglement.evaluation import paper, table
from disentanglement.evaluation.score_records import find_records
from tests.scores import SCORES, save_record


def runs(folder, name="InfoGAN-CR", count=3):
    """Scored runs, whose scores rise with their number."""
    for run in range(count):
        scores = {score: value + run / 100 for score, value in SCORES.items()}
        about = {"run": run, "name": name, "checkpoint": f"{name}{run}"}
        save_record(folder / f"run-{run}," / "final_metrics.json", scores=scores, **about)


def choose(folder, run, file="model_centrality.json", known=None, count=3):
    known = f"InfoGAN-CR{run}" if known is None else known
    models = [{"name": f"run-{i},"} for i in range(count)]
    models[run]["checkpoint"] = known
    records.save(folder, {"chosen": f"run-{run},", "models": models}, file)


def ours(folder):
    (first, *_) = table.compare(find_records([folder]))
    return {row.model: row for row in first.rows if row.source == "ours"}


def test_a_chosen_run_has_a_row_of_its_own(tmp_path):
    runs(tmp_path)
    assert list(ours(tmp_path)) == ["InfoGAN-CR"]
    choose(tmp_path, 2)
    choose(tmp_path, 0, "udr_lasso.json")
    choose(tmp_path, 0, "udr_spearman.json")
    found = ours(tmp_path)
    name = "InfoGAN-CR, chosen by ModelCentrality (of 3)"
    assert set(found) == {
        "InfoGAN-CR",
        name,
        "InfoGAN-CR, chosen by UDR Lasso (of 3)",
        "InfoGAN-CR, chosen by UDR Spearman (of 3)",
    }
    assert found[name].runs == 1
    assert found[name].mean("FactorVAE") == SCORES["factor_vae"] + 0.02
    assert found["InfoGAN-CR"].runs == 3


def test_the_name_of_another_model_stays_whole(tmp_path):
    runs(tmp_path, "InfoGAN (modified)")
    choose(tmp_path, 1, known="InfoGAN (modified)1")
    assert "InfoGAN (modified), chosen by ModelCentrality (of 3)" in ours(tmp_path)


def test_a_run_that_was_trained_further_since_is_not_the_chosen_one(tmp_path):
    runs(tmp_path)
    choose(tmp_path, 1, known="another")
    assert list(ours(tmp_path)) == ["InfoGAN-CR"]


def test_factor_vaes_weights_compete(tmp_path):
    runs(tmp_path, "FactorVAE (10)")
    choose(tmp_path, 1, known="FactorVAE (10)1")
    assert "FactorVAE, chosen by ModelCentrality (of 3)" in ours(tmp_path)


def test_damaged_or_foreign_files_are_passed_over(tmp_path):
    runs(tmp_path)
    (tmp_path / "model_centrality.json").write_text("{")
    (tmp_path / "udr_lasso.json").write_text('{"chosen": "run-1,", "models": 3}')
    assert list(ours(tmp_path)) == ["InfoGAN-CR"]
    shutil.rmtree(tmp_path / "run-1,")
    assert list(ours(tmp_path)) == ["InfoGAN-CR"]


def test_the_papers_table_3():
    rows = {row.model: row for row in table.paper_rows()}
    lasso = rows["InfoGAN-CR, chosen by UDR Lasso"]
    assert lasso.runs == 1
    assert lasso.means.tolist() == [0.86, 0.68, 0.49, 0.84, 0.96, 0.30, 0.92]
    assert np.isnan(lasso.errors).all()
    assert rows["FactorVAE, chosen by ModelCentrality"].mean("DCI") == 0.73
    assert rows["FactorVAE, chosen by UDR Spearman"].mean("BetaVAE") == 0.79
    assert len([model for model in paper.SCORES if "chosen by" in model]) == 6
