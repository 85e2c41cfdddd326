"""disentanglement.reproduce with a time limit, on the tiny run; and the weights it publishes."""

import json
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from disentanglement import pretrained, records
from disentanglement.config import InfoGANCRConfig
from disentanglement.errors import UserError
from disentanglement.experiments import grid, reproduce
from disentanglement.experiments.runs import RunFolder
from disentanglement.training import checkpoint, weights
from tests import tiny
from tests.commands import FOLDER
from tests.experiments import ROOT, short_bars_experiment
from tests.runs import assert_same_result

RESERVE = 4.0  # seconds


@pytest.fixture
def experiment(tmp_path):
    return short_bars_experiment(tmp_path / "Bars")


def command(experiment, out, *arguments):
    words = [sys.executable, "-m", "disentanglement.reproduce", "--curves"]
    words += ["--experiment", str(experiment), "--out", str(out), *arguments]
    result = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    # Python prints a traceback for an alarm in a destructor and ignores it; it rings again.
    errors = [part for part in result.stderr.split("\n\n") if "Exception ignored" not in part]
    assert "Traceback" not in "".join([result.stdout, *errors])
    return result


@pytest.mark.slow
def test_limited_runs_end_in_time_with_the_results_of_an_uninterrupted_one(
    experiment, tmp_path, unbroken
):
    (experiment / "gan_task_generate_latent_trans.py").touch()  # as CelebA's: draw traversals, too
    out, statuses = tmp_path / "out", []
    # The first limit is too short for anything; limits grow until this machine is fast enough.
    for seconds in (10, 20, 40, 80):
        start = time.monotonic()
        limits = ["--runs", "3", "--minutes", str(seconds / 60), "--reserve", str(RESERVE)]
        result = command(experiment, out, *limits)
        # The command cannot interrupt Python's start and end, or a call of TensorFlow.
        assert time.monotonic() - start < seconds + 10
        statuses.append(result.returncode)
        if result.returncode != reproduce.TIME_IS_UP:
            break
    assert statuses[-1] == 0, result.stdout + result.stderr
    assert statuses[:-1], "a run in ten seconds?"
    assert_same_result(out / "runs" / "run-3,", unbroken)
    again = command(experiment, out, *limits)
    assert again.returncode == 0
    assert "training" not in again.stdout

    records = out / "records" / "run-3,"
    names = {str(path.relative_to(records)) for path in records.rglob("*") if path.is_file()}
    networks = ("generator", "discriminator", "cr_discriminator")
    assert names == {
        "run.json",
        "metric.csv",
        "traversal.png",
        "final_metrics.json",
        "final_metrics_global_id-11.json",
        "SHA256SUMS",
        "latent_trans/overview.png",
        *(f"weights/{network}.npz" for network in networks),
        *(f"weights/global_id-11/{network}.npz" for network in networks),
    }
    assert re.search(r"\| ours +\| InfoGAN-CR +\| 48 ", again.stdout)
    assert re.search(r"\| ours +\| InfoGAN \(modified\) +\| 12 ", again.stdout)
    model = pretrained.load(records, experiment)
    assert (model.batches, model.encode(tiny.Bars().images([0])).shape) == (48, (1, 3))
    found = json.loads((records / "final_metrics.json").read_text())
    assert set(found["metrics"]) == {"factor_vae", "dci_rf_ibgan", "mig"}


def test_a_failed_run_does_not_stop_the_others(experiment, tmp_path):
    broken = tmp_path / "out" / "runs" / "run-3," / "checkpoint" / "model.npz"
    broken.parent.mkdir(parents=True)
    broken.write_text("no archive")
    result = command(experiment, tmp_path / "out", "--set", "max_batches=3")
    assert result.returncode == 1
    assert "the checkpoint is damaged" in result.stdout
    assert broken.read_text() == "no archive"
    states = [line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ")]
    assert states[-2:] == ["failed", "scored"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--experiment", "nowhere"],
            "no experiment here: no file in its gan/ defines EXPERIMENT. This project has ",
        ),
        (["--set", "epoch=0"], "'epoch' must be at least 1"),
        (["--runs", "77"], "--runs 77: no run 77 in"),
        (["--minutes", "0.5"], "--minutes 0.5 is no longer than --reserve 60 seconds"),
        (["--stack", "0"], "must be at least 1"),
    ],
)
def test_mistakes_are_one_line(experiment, tmp_path, capsys, arguments, words):
    try:
        status = reproduce.main(
            ["--experiment", str(experiment), "--out", str(tmp_path / "out"), *arguments]
        )
    except SystemExit as stop:  # argparse
        status = stop.code
    said = capsys.readouterr().err
    assert status == 2
    assert words in said
    assert len(said.splitlines()) == 1 or said.startswith("usage:")


def build():
    return tiny.build(run=5)


def test_published_weights_are_the_model(unbroken, tmp_path):
    path = unbroken / "checkpoint" / checkpoint.FILE
    files = weights.publish(path, tmp_path, experiment="Bars")
    assert all(checkpoint.load_meta(file)["experiment"] == "Bars" for file in files)
    assert {file.name for file in files} == {
        "generator.npz",
        "discriminator.npz",
        "cr_discriminator.npz",
    }
    trained, restored = build(), build()
    checkpoint.restore(path, trained)
    weights.restore(str(tmp_path), restored)
    images = tiny.Bars().images(np.arange(64))
    np.testing.assert_array_equal(restored.encode(images), trained.encode(images))
    z = trained.latent.sample(np.random.default_rng(0), 8)
    np.testing.assert_array_equal(restored.generate(z), trained.generate(z))


def test_large_networks_are_published_in_half_precision(unbroken, tmp_path):
    path = unbroken / "checkpoint" / checkpoint.FILE
    largest = max(file.stat().st_size for file in weights.publish(path, tmp_path))
    limit = largest * 2 // 3 + weights._OVERHEAD
    for file in weights.publish(path, tmp_path, limit):
        assert file.stat().st_size < limit
    trained, restored = build(), build()
    checkpoint.restore(path, trained)
    weights.restore(tmp_path, restored)
    images = tiny.Bars().images(np.arange(64))
    np.testing.assert_allclose(restored.encode(images), trained.encode(images), atol=0.01)
    with pytest.raises(UserError, match="too many for 1000 bytes"):
        weights.publish(path, tmp_path, 1000)


def test_weights_of_another_network_are_refused(unbroken, tmp_path):
    weights.publish(unbroken / "checkpoint" / checkpoint.FILE, tmp_path)
    (tmp_path / "generator.npz").write_bytes((tmp_path / "discriminator.npz").read_bytes())
    with pytest.raises(UserError, match="the checkpoint belongs to a different network"):
        weights.restore(tmp_path, build())


def test_old_scores_are_not_published(finished_run, tmp_path):
    for name in ("final_metrics.json", "final_metrics.old-1.json"):
        records.save(finished_run, {"scores": {}}, name)
    config = InfoGANCRConfig(**tiny.CONFIG)
    scheduler = grid.load(FOLDER / "config.py", InfoGANCRConfig, 737280).scheduler
    run = RunFolder(tmp_path, replace(scheduler, result_root_folder="."), grid.Task("run", config))
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "final_metrics_global_id-5.json").touch()  # of an earlier publication
    reproduce.publish(run, tmp_path / "records", "InfoGAN-CR_dSprites")
    names = {path.name for path in (tmp_path / "records").iterdir()}
    assert "final_metrics.json" in names
    assert "final_metrics.old-1.json" not in names
    assert "final_metrics_global_id-5.json" not in names
