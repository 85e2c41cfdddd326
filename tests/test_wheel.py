"""An installed wheel, without a checkout, loads and shows models from a folder of results."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.experiments import ROOT

CODE = """
import disentanglement
from pathlib import Path
from disentanglement import pretrained
from disentanglement.experiments import explore
from disentanglement.experiments.report import page

assert str(Path(disentanglement.__file__)).startswith({target!r})
name = "InfoGAN-CR_dSprites/hour/run-0"
assert name in pretrained.list({results!r})
model = pretrained.load(name, results={results!r})
assert "</html>" in page.render(Path({results!r}))
images = model.generate(model.latent.sample(__import__("numpy").random.default_rng(0), 2))
print(model.encode(images).shape)
assert explore.main([name, "--results", {results!r}, "--out", "explorer.html"]) == 0
try:
    pretrained.load(name)
except Exception as error:
    print(error)
"""


@pytest.mark.slow
def test_a_wheel_with_a_folder_of_results(tmp_path):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    wheels, target = tmp_path / "wheels", str(tmp_path / "site")
    source = tmp_path / "source"  # a build leaves files behind
    for path in (*ROOT.glob("*/gan"), ROOT / "disentanglement"):
        shutil.copytree(path, source / path.relative_to(ROOT))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([*pip, "wheel", "--no-deps", "-w", wheels, source], check=True)
    (wheel,) = wheels.iterdir()
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True)
    results = str(ROOT / "results")
    result = subprocess.run(
        [sys.executable, "-c", CODE.format(target=target, results=results)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": target},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    shape, _, explorer, message = result.stdout.splitlines()
    assert shape == "(2, 5)"
    assert explorer.startswith("explorer: explorer.html (1.4 MB)")
    assert "there are no published models in" in message
    assert "_experiments/results" in message
