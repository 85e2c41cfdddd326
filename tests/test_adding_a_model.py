"""docs/ADDING_A_MODEL.md, followed to the letter."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.experiments import ROOT, bars_experiment

METRICS = 'MetricLists(*[{"factor_vae": ALL["factor_vae"]}] * 2)'
SMALL = [f"--set={pair}" for pair in ("batch_size=8", "gaussian_dim=3", "checkpoint_freq=2")]


@pytest.fixture
def project(tmp_path):
    """Write the page's files into a copy of the project, with bars as data and one metric."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "disentanglement", tmp_path / "disentanglement", ignore=ignore)
    (tmp_path / "WAE_dSprites" / "gan").mkdir(parents=True)
    text = (ROOT / "docs" / "ADDING_A_MODEL.md").read_text()
    for name in re.findall(r"`([\w/]+\.py)`", text.split("## 2.")[1].split("```")[0]):
        shutil.copy(ROOT / "FactorVAE_dSprites" / name, tmp_path / "WAE_dSprites" / name)
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in blocks] == [
        "disentanglement/algorithms/wae.py",
        "WAE_dSprites/gan/wae.py",
        "WAE_dSprites/config.py",
    ]
    for name, content in blocks:
        (tmp_path / name).write_text(content)
    assert {path.name for path in (tmp_path / "WAE_dSprites" / "gan").iterdir()} == {
        "metric.py",
        "wae.py",
    }
    made = tmp_path / "made"
    bars_experiment(tmp_path / "WAE_dSprites", made, METRICS)
    shutil.rmtree(tmp_path / "WAE_dSprites")
    made.rename(tmp_path / "WAE_dSprites")
    return tmp_path


def run(project, script, *arguments):
    result = subprocess.run(
        [sys.executable, f"WAE_dSprites/{script}", *arguments, "--runs=0", *SMALL],
        cwd=project,
        env=os.environ | {"PYTHONPATH": f"{project}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
def test_the_page_works(project):
    run(project, "main.py", "--set=max_batches=3")
    folder = project / "WAE_dSprites" / "results" / "run-0,"
    assert json.loads((folder / "run.json").read_text())["batches"] == 3
    run(project, "main.py", "--set=max_batches=6")
    assert "resumed from" in (folder / "worker.log").read_text()
    scores = run(project, "main_final_metrics.py", "--set=max_batches=6")
    assert "factor_vae" in scores
    found = json.loads((folder / "final_metrics.json").read_text())
    assert (found["model"]["name"], found["model"]["batches"]) == ("WAE", 6)
    made = {path.name for path in folder.iterdir()}
    assert {"encoder.keras", "generator.keras", "traversal.png", "metric.csv"} <= made
