"""Stopping the real training, on the tiny run: main.py by signals and kill -9, and reproduce."""

import signal
import subprocess
import sys
import time

import pytest

from disentanglement import records
from disentanglement.training import checkpoint
from tests import tiny
from tests.experiments import ROOT, bars_experiment
from tests.runs import rows

pytestmark = pytest.mark.slow
METRICS = 'MetricLists({"factor_vae": ALL["factor_vae"]}, {"factor_vae": ALL["factor_vae"]})'


@pytest.fixture
def experiment(tmp_path):
    folder = bars_experiment("InfoGAN-CR_dSprites", tmp_path / "Bars", METRICS)
    # The first checkpoint that is due comes long after the test.
    shared = tiny.CONFIG | {"checkpoint_freq": 10**6, "epoch": 1, "batch_size": 1}
    del shared["run"]
    text = (folder / "config.py").read_text()
    text += f"\nconfig['global_config'] = {shared}\nconfig['test_config'] = [{{'run': [3]}}]\n"
    (folder / "config.py").write_text(text)
    return folder


def start(words):
    return subprocess.Popen(
        words,
        cwd=ROOT,  # for tests.tiny
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_training(folder):
    return (folder / "metric.csv").exists() and len(rows(folder)) >= 2


def assert_saved(folder):
    assert records.read(folder)["state"] == "stopped"
    meta = checkpoint.load_meta(folder / "checkpoint" / checkpoint.FILE)
    assert 0 < meta["next_batch"] < 64


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_main(experiment, monkeypatch, number):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    process = start([sys.executable, str(experiment / "main.py")])
    folder = experiment / "results" / "run-3,"
    wait_for(lambda: is_training(folder))
    process.send_signal(number)
    output = process.communicate(timeout=120)[0]  # its output ends with the task's
    assert_saved(folder)
    assert "saved in" in output
    if number == signal.SIGTERM:
        assert process.returncode == 130
        assert "\n  stopped " in output


def test_main_while_a_task_imports_tensorflow(experiment, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    process = start([sys.executable, str(experiment / "main.py")])
    wait_for(lambda: list(experiment.glob("results/*/worker.log")))
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 130
    assert "\n  stopped " in output
    assert "failed" not in output
    assert not (experiment / "results" / "run-3," / records.FILE).exists()


def test_reproduce(experiment, tmp_path):
    out = tmp_path / "out"
    words = [sys.executable, "-m", "disentanglement.reproduce", "--curves"]
    process = start([*words, "--experiment", str(experiment), "--out", str(out)])
    folder = out / "runs" / "run-3,"
    wait_for(lambda: is_training(folder))
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 130, output
    assert_saved(folder)
