"""main_model_centrality.py: one line for each mistake, and nothing lost."""

import json
import re

import numpy as np
import pytest

from disentanglement import console, records
from disentanglement.errors import UserError
from disentanglement.evaluation import udr_codes
from disentanglement.evaluation.cross_scores import FILE
from disentanglement.experiments import candidates as found_in
from disentanglement.experiments import comparing, reproduce
from disentanglement.experiments.load import load
from disentanglement.training import checkpoint
from tests.compared import finish, main, options, run_folders

pytestmark = pytest.mark.slow


def mistake(folder, capsys, *arguments):
    """Return the only line of an error."""
    capsys.readouterr()
    assert main(folder, *arguments) == console.MISTAKE
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_one_run(bars, capsys):
    line = mistake(bars, capsys, "--runs", "1")
    assert line.startswith("error: only 1 run to compare, and choosing without labels takes at")


def test_unfinished_runs_are_left_out_and_named(bars, capsys):
    run = run_folders(bars)[2]
    record = json.loads((run.path / "run.json").read_text())
    records.save(run.path, record | {"state": "stopped"})
    assert main(bars) == 0
    output = capsys.readouterr().out
    assert "ModelCentrality of 2 runs" in output
    assert "note: 1 run not trained yet, and not compared" in output
    assert re.search(r"stopped +.*run-2", output)


def test_copies_of_a_run(bars, capsys):
    one, other, _ = run_folders(bars)
    model = load(bars).build(one.task.config)
    path = other.path / "checkpoint" / checkpoint.FILE
    meta = checkpoint.load_meta(path)
    checkpoint.save(path, model, meta)
    checkpoint.save(one.path / "checkpoint" / checkpoint.FILE, model, meta)
    line = mistake(bars, capsys)
    assert line.endswith("run-1, are copies of the same model: leave one of them out")


def test_runs_on_different_data(bars, capsys):
    run = run_folders(bars)[1]
    record = json.loads((run.path / "run.json").read_text())
    record["data"]["checksum"] = "00000000"
    records.save(run.path, record)
    line = mistake(bars, capsys)
    assert "run-1, were trained on different data (their checksum differs)" in line


def test_published_models_of_different_configs(bars, tmp_path, capsys):
    one, other, _ = run_folders(bars)
    finish(load(bars), other, info_coe_de=0.7)
    for run in (one, other):
        reproduce.publish(run, tmp_path / "records" / run.task.name, bars.name)
    words = ["--records", str(tmp_path / "records"), "--out", str(tmp_path / "out")]
    line = mistake(bars, capsys, *words)
    assert "have different configs: 'info_coe_de' is 0.05 and 0.7: compare runs of one grid" in line
    finish(load(bars), other, epoch=2)
    reproduce.publish(other, tmp_path / "records" / other.task.name, bars.name)
    line = mistake(bars, capsys, *words)
    assert "for 48 batches and" in line
    assert "for 32: compare runs of the same length" in line


def test_nan_codes(bars, capsys):
    run = run_folders(bars)[1]
    path = run.path / "checkpoint" / checkpoint.FILE
    model = load(bars).build(run.task.config)
    encoder = model.networks["discriminator"].get_layer("q")
    encoder.kernel.assign(np.full(encoder.kernel.shape, np.nan))
    checkpoint.save(path, model, checkpoint.load_meta(path))
    with pytest.raises(UserError, match=r"encoder of .*run-1,, on images of .*NaN.*leave the run"):
        comparing.compare_run(load(bars), run_folders(bars)[0], options(bars))
    with pytest.raises(UserError, match=r"run-1,: its encoder makes a code that is NaN or inf"):
        comparing.compare_run(load(bars), run, options(bars, "udr-lasso"))
    # Codes that are there already
    known = found_in.of_run(load(bars), run)
    udr_codes.save(run.path / udr_codes.FILE, known, udr_codes.Codes(np.full((64, 3), np.nan)))
    line = mistake(bars, capsys, "--method", "udr-lasso")
    assert line.startswith(f"error: UDR Lasso: {run.task.name}: codes holds")


def test_a_run_that_is_trained_further_meanwhile(bars):
    run = run_folders(bars)[1]
    known = found_in.of_run(load(bars), run)
    known.load()
    path = run.path / "checkpoint" / checkpoint.FILE
    meta = checkpoint.load_meta(path)
    checkpoint.save(path, load(bars).build(run_folders(bars)[0].task.config), meta)
    with pytest.raises(UserError, match=r"run-1, has been trained further in the meantime: run"):
        known.load()


def test_unknown_runs_to_compare_with(bars):
    with pytest.raises(UserError, match="--among run-9,: no such run in "):
        comparing.compare_run(load(bars), run_folders(bars)[0], options(bars, among=["run-9,"]))


def test_damaged_files(bars, capsys):
    path = run_folders(bars)[1].path / udr_codes.FILE
    path.write_bytes(path.read_bytes()[:300])
    assert "udr_codes.npz: damaged" in mistake(bars, capsys, "--method", "udr-lasso")
    path = run_folders(bars)[1].path / FILE
    path.write_text("{")
    assert "cross_scores.json: cannot be read" in mistake(bars, capsys)
