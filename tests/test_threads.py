"""--threads N: how many CPU threads TensorFlow or JAX, NumPy, scikit-learn and joblib use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from disentanglement import records, threads
from tests.commands import run
from tests.experiments import ROOT

# Computes with each library until it has used 0.4 s of processor time, and prints which share of it
# its busiest thread had: about 1 for a single thread, 1/N for N busy ones.
SHARES = """
import json, os, sys
import numpy as np
from disentanglement import threads

def used():
    times = {}
    for thread in os.listdir("/proc/self/task"):
        fields = open(f"/proc/self/task/{thread}/stat").read().rsplit(")", 1)[1].split()
        times[thread] = int(fields[11]) + int(fields[12])
    return times

def share(compute):
    compute()
    before = used()
    while sum(used().values()) - sum(before.values()) < 40:
        compute()
    after = [count - before.get(thread, 0) for thread, count in used().items()]
    return max(after) / sum(after)

threads.limit(int(sys.argv[1]) or None)
from sklearn.ensemble import HistGradientBoostingClassifier
from disentanglement import engine
from joblib import effective_n_jobs

a = np.random.default_rng(0).random((1200, 1200)).astype("float32")
product = engine.compile_step(lambda a: (a @ a)[0], [])
boosting = HistGradientBoostingClassifier(max_iter=3)
print(json.dumps({
    "engine": share(lambda: product(a)),
    "numpy": share(lambda: a @ a),
    "scikit-learn": share(lambda: boosting.fit(a[:, :20], a[:, 20] > 0.5)),
    "joblib": effective_n_jobs(-1),
    "record": threads.used(),
}))
"""


def clean_environment(**more):
    return {k: v for k, v in os.environ.items() if k not in threads.VARIABLES} | more


def shares(count):
    result = subprocess.run(
        [sys.executable, "-c", SHARES, str(count)],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(result.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads Linux's /proc")
def test_one_thread_is_one_thread():
    found = shares(1)
    assert found.pop("joblib") == 1
    assert found.pop("record") == 1
    assert all(share > 0.75 for share in found.values()), found


@pytest.mark.slow
@pytest.mark.skipif(threads.cores() < 2, reason="needs two cores")
def test_without_the_option_all_cores_work():
    found = shares(0)
    assert found.pop("joblib") == threads.cores()
    assert found.pop("record") == threads.cores()
    assert found["engine"] < 0.75
    assert found["numpy"] < 0.75


def test_the_record_tells_the_truth(monkeypatch):
    """TensorFlow does not heed OMP_NUM_THREADS alone."""
    import keras  # noqa: F401  (an engine is in use)

    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert records.environment()["hardware"]["threads"] == threads.cores()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert records.environment()["hardware"]["threads"] == threads.cores()
    for name in threads.VARIABLES:
        monkeypatch.setenv(name, "3")
    assert records.environment()["hardware"]["threads"] == 3
    monkeypatch.setattr(os, "environ", dict(os.environ))
    threads.limit(None)
    assert threads.used() == 3


def test_main_passes_it_on_to_its_tasks(experiment):
    """In the copy, a task is a stand-in; its record shows the environment that it had."""
    stand_in = experiment / "gan" / "infogan_cr.py"
    text = stand_in.read_text()
    seen = "{name: os.environ.get(name) for name in threads.VARIABLES}"
    text = text.replace('"scores": {"factor_vae": 0.5}', f'"scores": {{}}, "seen": {seen}')
    stand_in.write_text(f"from disentanglement import threads\n{text}")
    environment = dict.fromkeys(threads.VARIABLES, "7")
    result = run(experiment, "--runs", "3", "--threads", "2", SECONDS="0", **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    (record,) = experiment.glob("results/*/run.json")
    assert set(json.loads(record.read_text())["seen"].values()) == {"2"}


def test_a_number_of_threads(experiment):
    result = run(experiment, "--threads", "0")
    assert result.returncode == 2
    assert "must be at least 1" in result.stderr


@pytest.mark.slow
def test_a_task_script_trains_with_one_thread(tmp_path):
    """End to end: run.json of a run that a task script trained."""
    options = ["max_batches=2", "batch_size=8", "vis_freq=0", "generate=200"]
    words = [word for option in options for word in ("--set", option)]
    script = ROOT / "InfoGAN-CR_CelebA" / "gan_task.py"
    data = ["--set", f"data_dir={tmp_path / 'none'}"]
    result = subprocess.run(
        [sys.executable, script, "--threads", "1", "--no-metrics", *words, *data,
         "--work-dir", tmp_path / "run"],
        env=clean_environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "no scores during training (metric_freq 0)" in result.stdout
    record = records.read(tmp_path / "run")
    assert record["hardware"]["threads"] == 1
    assert record["scores"] == {}
    assert not (tmp_path / "run" / "metric.csv").exists()
    assert not (tmp_path / "run" / "sample").exists()
    assert record["state"] == "finished"
