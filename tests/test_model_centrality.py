"""main_model_centrality.py: its matrix, its files, and resume."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from disentanglement import console, records
from disentanglement.evaluation import cross_scores, udr_codes
from disentanglement.evaluation.cross_scores import FILE
from disentanglement.evaluation.generated_sets import SetSize, draw_latents
from disentanglement.experiments import choice, reproduce
from disentanglement.experiments.load import load
from disentanglement.files import fingerprint
from disentanglement.metrics.factor_vae_metric import factor_vae
from disentanglement.selection.centrality import centralities
from disentanglement.selection.udr import udr
from disentanglement.training import activity, checkpoint
from tests import tiny
from tests.compared import SIZE, compare_all, finish, main, run_folders
from tests.experiments import ROOT

pytestmark = pytest.mark.slow


def cells(folder):
    """Return the scores in the columns' files: (generator, encoder) -> what matters."""
    found = {}
    for path in sorted(folder.rglob(FILE)):
        column = json.loads(path.read_text())
        for cell in column["cells"].values():
            key = column["generator"]["name"], cell["name"]
            found[key] = cell["score"], cell["votes"], cell["dead_codes"]
    return found


# ---- ModelCentrality ----------------------------------------------------------------------------


def test_a_column_by_hand(compared):
    """Encoder 2 on the images of generator 0, without the library's set."""
    experiment, runs = load(compared), run_folders(compared)
    models = []
    for run in (runs[0], runs[2]):
        models.append(experiment.build(run.task.config))
        checkpoint.restore(run.path / "checkpoint" / checkpoint.FILE, models[-1])
    latents, labels = draw_latents(models[0].latent, 0, SetSize(12, 100, 50))
    codes = models[1].encode(models[0].generate(latents))
    expected = factor_vae(codes[:1200].reshape(12, 100, 3), labels, codes[1200:])
    found = cells(compared)[runs[0].task.name, runs[2].task.name]
    assert found == (expected.score, expected.votes.tolist(), expected.dead_codes)


def test_the_choice(bars, capsys):
    assert main(bars) == 0
    record = json.loads((bars / "results" / "model_centrality.json").read_text())
    names = [run.task.name for run in run_folders(bars)]
    found = cells(bars)
    matrix = [[found[generator, encoder][0] for generator in names] for encoder in names]
    assert record["matrix"] == matrix
    expected = centralities(matrix)
    assert [model["score"] for model in record["models"]] == pytest.approx(expected)
    assert record["chosen"] == names[int(np.argmax(expected))]
    assert sorted(model["rank"] for model in record["models"]) == [1, 2, 3]
    assert record["protocol"]["seeds"] == [0, 1, 2]
    assert record["protocol"]["set"] == {"groups": 12, "group_size": 100, "reference": 50}
    assert "tensorflow" in record["versions"]
    assert (bars / "results" / "model_centrality.png").read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert "3 runs, 0 to compare" in output
    assert re.search(rf"\n  1 +0\.\d{{4}} +{re.escape(record['chosen'])}  <- chosen\n", output)


def test_what_a_comparison_needs(bars, capsys):
    run = run_folders(bars)[0]
    record = json.loads((run.path / FILE).read_text())
    del record["cells"][next(iter(record["cells"]))]
    records.save(run.path, record, FILE)
    assert main(bars, "--dry-run") == 0
    output = capsys.readouterr().out
    assert "1 set of 1,250 images to generate, and 1,250 images to encode for 1 score" in output
    (run.path / FILE).unlink()
    assert main(bars, "--dry-run") == 0
    output = capsys.readouterr().out
    assert "1 set of 1,250 images to generate, and 3,750 images to encode for 3 scores" in output
    assert not (bars / "results" / "model_centrality.json").exists()


def test_status_is_of_this_comparison(bars, capsys):
    (run_folders(bars)[0].path / FILE).unlink()
    assert main(bars, "--status") == 0
    first, *others = capsys.readouterr().out.splitlines()[2:]
    assert "finished" in first
    assert first.endswith("not compared by ModelCentrality; main_model_centrality.py compares it")
    assert all("compared" in line and "main" not in line for line in others)
    assert main(bars, "--status", "--method", "udr-lasso") == 0
    assert capsys.readouterr().out.count("  compared  ") == 3


def test_supervised_scores_are_shown_beside(bars, capsys):
    runs = run_folders(bars)
    for run, score in zip(runs, (0.3, 0.5, 0.4), strict=True):
        known = fingerprint(run.path / "checkpoint" / checkpoint.FILE)
        scored = {"scores": {"factor_vae": score, "mig": 0.1}, "metrics": {}, "skipped": {}}
        records.save(run.path, scored | {"model": {"checkpoint": known}}, "final_metrics.json")
    assert main(bars) == 0
    output = capsys.readouterr().out
    assert re.search(r"rank  ModelCentrality  FactorVAE  MIG +run", output)
    record = json.loads((bars / "results" / "model_centrality.json").read_text())
    if record["rank_correlation"]:  # undefined if the centralities are tied
        assert set(record["rank_correlation"]) == {"FactorVAE"}
        assert "rank correlation with supervised scores of 3 models: FactorVAE " in output
    assert [model["supervised"]["factor_vae"] for model in record["models"]] == [0.3, 0.5, 0.4]


def test_more_runs_reuse_what_is_there(bars, monkeypatch):
    with (bars / "config.py").open("a") as file:
        file.write("config['test_config'] = [{'run': [0, 1, 2, 5]}]\n")
    before, experiment = cells(bars), load(bars)
    finish(experiment, run_folders(bars)[3])
    asked = []
    original = cross_scores.factor_vae
    monkeypatch.setattr(
        cross_scores, "factor_vae", lambda **arrays: asked.append(1) or original(**arrays)
    )
    compare_all(bars)
    assert len(asked) == 3 + 4  # the new encoder on three sets, and all on the new set
    after = cells(bars)
    assert {key: after[key] for key in before} == before
    assert main(bars) == 0
    # An earlier choice is kept.
    assert main(bars, "--runs", "0-2") == 0
    names = sorted(path.name for path in (bars / "results").glob("model_centrality*.json"))
    assert names == ["model_centrality.json", "model_centrality.old-1.json"]


def test_a_run_that_was_trained_again_is_compared_again(bars):
    run = run_folders(bars)[1]
    finish(load(bars), run, gap_start=0.5)
    (run.path / "run.json").unlink()
    finish(load(bars), run)
    path = run.path / "checkpoint" / checkpoint.FILE
    model = load(bars).build(run.task.config)
    model.networks["generator"].layers[1].kernel.assign_add(
        np.ones(model.networks["generator"].layers[1].kernel.shape)
    )
    checkpoint.save(path, model, checkpoint.load_meta(path))
    before = cells(bars)
    compare_all(bars)
    assert (run.path / "cross_scores.old-1.json").exists()
    after = cells(bars)
    name = run.task.name
    assert all(after[key] == before[key] for key in before if name not in key)


# ---- UDR ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["udr-lasso", "udr-spearman"])
def test_udr_of_runs(bars, method, capsys):
    assert main(bars, "--method", method) == 0
    record = json.loads((bars / "results" / f"{method.replace('-', '_')}.json").read_text())
    codes = []
    for run in run_folders(bars):
        with np.load(run.path / udr_codes.FILE) as file:
            codes.append(file["codes"])
            assert "kl" not in file  # a GAN's codes have none
    assert [each.shape for each in codes] == [(64, 3)] * 3  # fewer than 1,000 images
    expected = udr(codes, method.removeprefix("udr-"))
    assert [model["score"] for model in record["models"]] == pytest.approx(expected.scores)
    assert np.array(record["matrix"]) == pytest.approx(expected.pairs)
    assert f"UDR {method.removeprefix('udr-').title()} of 3 runs" in capsys.readouterr().out


def test_the_codes_of_a_vae_come_with_their_kl():
    experiment = load("FactorVAE_dSprites")
    model = experiment.build(experiment.grid().tasks[0].config)
    found = udr_codes.encode(model, tiny.Bars())
    images = tiny.Bars().images(np.arange(64))
    mean, log_variance = map(np.asarray, model.networks["encoder"](images))
    np.testing.assert_allclose(found.codes, mean, atol=1e-6)
    kl = ((mean**2 + np.exp(log_variance) - 1 - log_variance) / 2).mean(axis=0)
    np.testing.assert_allclose(found.kl, kl, atol=1e-6)
    assert found.informative.tolist() == (kl > 0.01).tolist()


@pytest.mark.parametrize("method", choice.METHODS)
def test_the_frame_in_the_picture_holds_the_chosen_runs_scores(method):
    matrix = np.random.default_rng(0).random((4, 4))
    framed = np.zeros((4, 4), bool)
    for x, y, width, height in choice.frames(method, 2, 4):
        rows, columns = (
            np.arange(at + 0.5, at + 0.5 + size).astype(int)
            for at, size in ((y, height), (x, width))
        )
        framed[np.ix_(rows, columns)] = True
    framed[2, 2] = False  # the diagonal plays no part
    if method == choice.CENTRALITY:
        assert np.mean(matrix[framed]) == pytest.approx(centralities(matrix)[2])
        return
    rng = np.random.default_rng(1)
    found = udr([rng.normal(size=(50, 3)) for _ in range(4)], method.removeprefix("udr-"))
    assert np.median(found.pairs[framed]) == found.scores[2]


# ---- published models ---------------------------------------------------------------------------


def test_a_run_that_is_being_compared_is_one_of_the_candidates(bars, capsys):
    run = run_folders(bars)[0]
    with activity.claim(run.path, activity.SCORING):
        assert main(bars) == console.IN_USE
        assert "ModelCentrality of 3 runs" in capsys.readouterr().out
        (run.path / FILE).unlink()
        (bars / "results" / "model_centrality.json").unlink()
        assert main(bars) == console.IN_USE
    output = capsys.readouterr().out
    assert "2 of 3 runs are compared: run the command again" in output
    assert "not trained yet" not in output
    assert not (bars / "results" / "model_centrality.json").exists()


def test_published_models(bars, tmp_path, capsys):
    runs, published = run_folders(bars), tmp_path / "records"
    for run in runs:
        reproduce.publish(run, published / run.task.name, bars.name)
    for method in ("model-centrality", "udr-spearman"):
        out = tmp_path / "out"
        words = ["--records", str(published), "--out", str(out), "--method", method]
        assert main(bars, *words) == 0
        assert main(bars, "--method", method) == 0
        name = f"{method.replace('-', '_')}.json"
        theirs, ours = (json.loads((f / name).read_text()) for f in (out, bars / "results"))
        assert theirs["chosen"] == ours["chosen"]
        assert np.array(theirs["matrix"]) == pytest.approx(np.array(ours["matrix"]))
    assert not list(published.rglob("cross_scores*"))
    assert main(bars, "--records", str(published)) == console.MISTAKE
    assert main(bars, "--records", str(tmp_path / "x"), "--out", str(out)) == console.MISTAKE
    assert main(bars, "--records", str(bars / "gan"), "--out", str(out)) == console.MISTAKE
    words = ["--records", str(published), "--out", str(out)]
    assert main(bars, *words, "--runs", "0") == console.MISTAKE
    assert main(bars, *words, "--dry-run") == console.MISTAKE
    assert main(bars, *words, "--launcher", "slurm") == console.MISTAKE
    twin = shutil.copytree(published, tmp_path / "twin")
    assert main(bars, *words[:2], str(twin), *words[2:]) == console.MISTAKE
    errors = capsys.readouterr().err
    assert "--records needs --out" in errors
    assert "--runs is about the runs of a config: leave it out" in errors
    assert "--dry-run is about the runs of a config: leave it out" in errors
    assert "'launcher' cannot be set with --records" in errors
    assert "have the same name, and so would their output" in errors
    assert errors.count("\nerror: ") == 7
    assert "Traceback" not in errors
    assert "no such folder" in errors
    assert "no published models there" in errors


# ---- killed at any moment -----------------------------------------------------------------------


def test_killed_and_run_again(compared, tmp_path):
    """As a user starts it, killed with SIGKILL after every cell or so."""
    folder = shutil.copytree(compared, tmp_path / "Bars")
    for path in folder.rglob(FILE):
        path.unlink()
    words = [sys.executable, "main_model_centrality.py", *SIZE, "--memory-gb", "0.001"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    kills = 0
    while True:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        before, deadline = len(cells(folder)), time.monotonic() + 120
        while process.poll() is None and (kills >= 3 or len(cells(folder)) < before + 2):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert kills == 3
    assert cells(folder) == cells(compared)
    assert "ModelCentrality of 3 runs" in output
    assert not list(folder.rglob(".generated_set.npy"))
