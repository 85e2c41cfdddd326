"""docs/YOUR_DATA.md, followed to the letter, with short runs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.experiments import ROOT

PAGE = (ROOT / "docs" / "YOUR_DATA.md").read_text()
SHORT = {
    "main.py": "--set max_batches=3 --set batch_size=8 --set vis_freq=0 --set metric_freq=0",
    "main_final_metrics.py": "--set max_batches=3 --set batch_size=8 --set vis_freq=0 "
    "--set metric_freq=0",
}
FEW = """from disentanglement.evaluation.metric_lists import MetricLists
from disentanglement.metrics.suite import METRICS as ALL

METRIC_LISTS = MetricLists({}, {name: ALL[name] for name in ("factor_vae", "mig", "dhsic")})
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of one experiment with few metrics, and the page's script."""
    ignored = shutil.ignore_patterns("results", "data", "__pycache__")
    folder = tmp_path / "InfoGAN-CR_dSprites"
    shutil.copytree(ROOT / folder.name, folder, ignore=ignored)
    (folder / "gan" / "metric.py").write_text(FEW)
    ((name, content),) = re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
    few = content.replace("range(5000)", "range(400)")
    assert few != content
    (tmp_path / name).write_text(few)
    return tmp_path


def commands(heading):
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line.strip() for line in re.findall(r"^    \S.*$", section, re.MULTILINE)]


def run(line, folder):
    words = shlex.split(line)
    assert words[0].endswith(".venv/bin/python"), line
    words = [sys.executable, *words[1:], *shlex.split(SHORT.get(words[1], ""))]
    result = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_prepare(checkout):
    *_, said = [run(line, checkout) for line in commands("Prepare")]
    lines = said.splitlines()
    assert lines[0] == ("factors: colour (quantity), radius (quantity), x (quantity), y (quantity)")
    assert lines[1].startswith("data/discs/data.npz: 400 images, 5 MB")
    assert lines[2].endswith("main.py --config config_quick.py --set data=discs")


@pytest.mark.slow
def test_the_whole_page(checkout):
    for line in commands("Prepare"):
        run(line, checkout)
    change, *others = commands("Train and score")
    folder = checkout / change.removeprefix("cd ")
    said = [run(line, folder) for line in others]
    (results,) = (folder / "results").glob("*/quick/run-0,")
    assert results.parent.parent.name == "discs"
    record = json.loads((results / "run.json").read_text())
    assert (record["data"]["dataset"], record["data"]["images"]) == ("discs", 400)
    assert (record["config"]["data"], record["config"]["channels"]) == ("discs", 3)
    assert (record["config"]["data_dir"], record["state"]) == (None, "finished")
    scores = json.loads((results / "final_metrics.json").read_text())
    assert scores["protocol"]["factors"] == ["colour", "radius", "x", "y"]
    assert set(scores["metrics"]) == {"factor_vae", "mig", "dhsic"}
    assert "400 images of discs" in said[0]
    assert "discs" in said[-1]
    assert "paper" not in said[-1].splitlines()[1]
    assert (results / "traversal.png").stat().st_size > 1000
