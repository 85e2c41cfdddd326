"""Every experiment's folder has the same shape, and its commands answer."""

import subprocess
import sys

import pytest

from tests.experiments import ROOT

TASKS = {
    "InfoGAN-CR_dSprites": "gan_task",
    "FactorVAE_dSprites": "factorvae_task",
    "InfoGAN-CR_3D_teapot": "gan_task",
    "FactorVAE_3D_teapot": "factorvae_task",
    "InfoGAN-CR_CelebA": "gan_task",
}
RUNS = {
    "InfoGAN-CR_dSprites": 10,
    "FactorVAE_dSprites": 40,
    "InfoGAN-CR_3D_teapot": 10,
    "FactorVAE_3D_teapot": 40,
    "InfoGAN-CR_CelebA": 1,
}


def test_all_are_known():
    assert {path.parent.name for path in ROOT.glob("*/experiment.py")} == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_the_folder_is_whole(name):
    task = TASKS[name]
    scripts = [
        "config",
        "config_quick",
        "main",
        "main_final_metrics",
        task,
        f"{task}_final_metrics",
    ]
    if "CelebA" in name:
        scripts += ["main_generate_latent_trans", f"{task}_generate_latent_trans"]
    parts = ["network", "load_data", "metric"]
    if "dSprites" in name:
        parts.append("train_DSpritesInceptionScore")
    for file in (*scripts, *(f"gan/{part}" for part in parts)):
        assert (ROOT / name / f"{file}.py").is_file(), file


@pytest.mark.parametrize("name", TASKS)
def test_the_commands_answer(name):
    def answer(script, *arguments):
        words = [sys.executable, str(ROOT / name / script), *arguments]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout

    listed = answer("main.py", "--list").splitlines()
    assert len(listed) == len(set(listed)) == RUNS[name]
    quick = answer("main.py", "--dry-run", "--config", str(ROOT / name / "config_quick.py"))
    assert "1 runs, 1 to train" in quick or "1 runs, 0 to train" in quick
    assert "Train one run" in answer(f"{TASKS[name]}.py", "--help")
    assert "Score one run" in answer(f"{TASKS[name]}_final_metrics.py", "--help")
