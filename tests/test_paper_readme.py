"""What the README of the paper's code says to type, typed in a fresh checkout."""

import dataclasses
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from disentanglement import console
from disentanglement.data.celeba import dataset as celeba
from disentanglement.data.dsprites import dataset as dsprites
from disentanglement.data.teapots import command, generate, variants
from disentanglement.data.teapots import dataset as teapots
from disentanglement.experiments import cli, reproduce
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.load import load
from tests.experiments import ROOT
from tests.test_celeba_prepare import official, write

DEFAULT = SimpleNamespace(data_dir=None, generate=None)
SCRIPTS = {
    "FactorVAE_3D_teapot": "factorVAE.py",
    "FactorVAE_dSprites": "factorVAE.py",
    "InfoGAN-CR_3D_teapot": "infogan_cr.py",
    "InfoGAN-CR_CelebA": "infogan_cr.py",
    "InfoGAN-CR_dSprites": "infogan_cr.py",
}
WITHOUT_DATA = {name: script for name, script in SCRIPTS.items() if "dSprites" not in name}


@pytest.fixture
def checkout(tmp_path):
    """A copy of the scripts and experiments, without data or results."""
    ignored = shutil.ignore_patterns("results", "data", "temp", "*all_color*light", "__pycache__")
    for name in ("3D_teapot", "CelebA", *SCRIPTS):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    return tmp_path


def start(script, *arguments):
    """Type `cd <its folder>; python <script>`."""
    return subprocess.Popen(
        [sys.executable, script.name, *map(str, arguments)],
        cwd=script.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def run(monkeypatch):
    """Run a script in this process; return its exit status."""

    def run(script, *arguments):
        monkeypatch.setattr(sys, "argv", [str(script), *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(script), run_name="__main__")
        return stop.value.code

    return run


# ---- CelebA -------------------------------------------------------------------------------------


def test_prepare_celeba(checkout):
    write(checkout / "CelebA" / "img_align_celeba.zip", official(3))
    process = start(checkout / "CelebA" / "process_celeba.py")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    made = checkout / "CelebA" / "data.npz"
    target = checkout / "InfoGAN-CR_CelebA" / "data" / "celeba" / "data.npz"
    assert output.splitlines()[-1] == f"to train on it, move it to {target}"
    target.parent.mkdir(parents=True)
    made.rename(target)
    assert len(celeba.load_for(DEFAULT, checkout / "InfoGAN-CR_CelebA")) == 3


def test_an_archive_in_the_shared_folder(checkout, run, capsys):
    folder = checkout / "data" / "CelebA"
    folder.mkdir(parents=True)
    write(folder / "img_align_celeba.zip", official(2))
    assert run(checkout / "CelebA" / "process_celeba.py", "--workers", 1) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "training finds it there"
    assert celeba.find(DEFAULT, checkout / "InfoGAN-CR_CelebA") == folder / "data.npz"


def test_the_archive_beside_the_script_comes_first_and_options_before_both(checkout, run):
    script = checkout / "CelebA" / "process_celeba.py"
    folders = (checkout / "CelebA", checkout / "data" / "CelebA", checkout / "elsewhere")
    for folder, count in zip(folders, (1, 2, 3), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / "img_align_celeba.zip", official(count))
    assert run(script, "--workers", 1) == 0
    assert run(script, "--workers", 1, "--out", checkout / "mine.npz") == 0
    archive = folders[2] / "img_align_celeba.zip"
    assert run(script, "--workers", 1, "--zip", archive) == 0
    assert len(celeba.read(folders[0] / "data.npz")) == 1
    assert len(celeba.read(checkout / "mine.npz")) == 1
    assert len(celeba.read(folders[1] / "data.npz")) == 3


def test_without_an_archive_one_line_names_both_places(checkout, run, capsys):
    assert run(checkout / "CelebA" / "process_celeba.py") == console.MISTAKE
    (line,) = capsys.readouterr().err.splitlines()
    assert f"in {checkout / 'CelebA'} or {checkout / 'data' / 'CelebA'}: get it" in line


# ---- 3D teapots ---------------------------------------------------------------------------------


def script_of(checkout, variant):
    return checkout / "3D_teapot" / f"generate_teapots_{variant.name}.py"


@pytest.fixture
def few(monkeypatch):
    """Sets of 4 training images and one group of 2 for each factor, made in this process."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(command, "NUM_IMAGES", 4)
    monkeypatch.setattr(generate, "GROUP_SIZE", 2)
    for name in ("ALL_COLOR", "FIXED_COLOR", "UNIFORM_LIGHT"):
        variant = getattr(variants, name)
        small = dataclasses.replace(variant, groups=len(variant.factor_names))
        monkeypatch.setattr(variants, name, small)


def test_teapots_without_options(checkout, run, few, capsys):
    assert run(script_of(checkout, variants.ALL_COLOR)) == 0
    made = checkout / "3D_teapot" / variants.ALL_COLOR.name
    target = checkout / "InfoGAN-CR_3D_teapot" / "data" / "3Dpots"
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"to train on it, move its train_data/ and metric_data/ to {target} ")
    assert line.endswith(f"or add --set data_dir={made} to the training command")
    target.mkdir(parents=True)
    for name in ("train_data", "metric_data"):
        (made / name).rename(target / name)
    said = []
    data = teapots.load_for(DEFAULT, checkout / "InfoGAN-CR_3D_teapot", said.append)
    assert (len(data), data.groups.shape[:2], said) == (4, (5, 2), [f"teapots from {target}"])


@pytest.mark.parametrize("name", ["FIXED_COLOR", "UNIFORM_LIGHT"])
def test_the_other_teapots_are_trained_on_by_data_dir(checkout, run, few, capsys, name):
    variant = getattr(variants, name)
    assert run(script_of(checkout, variant)) == 0
    made = checkout / "3D_teapot" / variant.name
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"to train on it, add --set data_dir={made} to the training command"
    )
    config = SimpleNamespace(data_dir=str(made), generate=None)
    assert len(teapots.load_for(config, checkout / "FactorVAE_3D_teapot")) == 4


def test_out_is_where_it_was_and_may_be_where_training_looks(checkout, run, few, capsys):
    out = checkout / "FactorVAE_3D_teapot" / "data" / "3Dpots"
    assert run(script_of(checkout, variants.ALL_COLOR), "--out", out) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "training finds it there"
    assert teapots.find(DEFAULT, checkout / "FactorVAE_3D_teapot") == out
    assert not (checkout / "3D_teapot" / variants.ALL_COLOR.name).exists()


def test_a_preview_alone_makes_no_set_and_overwrites_nothing(checkout, run, capsys):
    script, sheet = script_of(checkout, variants.FIXED_COLOR), checkout / "sheet.png"
    assert run(script, "--preview", sheet) == 0
    assert run(script, "--preview", sheet) == 0  # it is the same picture
    assert not (checkout / "3D_teapot" / variants.FIXED_COLOR.name).exists()
    sheet.write_bytes(b"precious")
    assert run(script, "--preview", sheet, "--out", checkout / "set") == console.MISTAKE
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{sheet} exists: choose another name" in line
    assert sheet.read_bytes() == b"precious"
    assert not (checkout / "set").exists()


def test_the_full_set_of_teapots_is_begun(checkout):
    """It takes minutes: stop it after the first part."""
    process = start(script_of(checkout, variants.ALL_COLOR))
    parts = checkout / "3D_teapot" / variants.ALL_COLOR.name / ".parts"
    while not list(parts.glob("train_data/0*.npz")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == console.STOPPED, errors
    about = json.loads((parts / "about.json").read_text())
    assert (about["train"], about["groups"], about["group_size"]) == (200_000, 500, 100)
    assert "rendering:   0%" in errors
    assert "0/250000 [" in errors
    assert "run the same command again to resume" in errors


def test_progress_in_a_file_is_a_line_now_and_then(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    with console.progress_bar(200, "images", "rendering") as bar:
        for second in range(1, 201):
            now[0] = float(second)
            bar.update()
    lines = capsys.readouterr().err.split("\n")
    assert re.fullmatch(r"rendering:  30%\|.*\| 60/200 \[01:00<02:20,  1.00 images/s\]", lines[1])
    assert [line.split("|")[2].split()[0] for line in lines if line] == [
        "0/200", "60/200", "120/200", "180/200", "200/200",
    ]  # fmt: skip


def test_passing_progress_in_a_file_shows_only_what_takes_minutes(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    for seconds, expected in ((40, 0), (100, 1)):
        with console.progress_bar(seconds, "images", "encoding", passing=True) as bar:
            for _ in range(seconds):
                now[0] += 1
                bar.update()
        lines = [line for line in capsys.readouterr().err.split("\n") if line]
        assert len(lines) == expected, lines
    assert "60/100" in lines[0]


def test_what_takes_minutes_gives_signs_of_life(capsys, monkeypatch):
    monkeypatch.setattr(console, "_SECONDS", 0.05)
    with console.sign_of_life("dci_rf_cv"):
        time.sleep(0.3)
    found = capsys.readouterr().err.splitlines()
    assert len(found) >= 2
    assert set(found) == {"dci_rf_cv: running for 00:00"}
    time.sleep(0.15)
    assert capsys.readouterr().err == ""  # it is over
    with console.sign_of_life("mig"):
        pass
    assert capsys.readouterr().err == ""


# ---- training without a scheduler ---------------------------------------------------------------


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_single_run_goes_to_its_folder_in_results(checkout, run, name, monkeypatch, caplog):
    caplog.set_level("INFO")
    trained = []
    monkeypatch.setattr(
        Experiment, "train", lambda self, configs, folders: trained.append((configs, folders))
    )
    assert run(checkout / name / "gan" / SCRIPTS[name]) == 0
    first = load(checkout / name).grid().tasks[0]
    folder = checkout / name / "results" / first.name
    assert trained == [([first.config], [folder])]
    assert first.config.run == 0
    assert f"training in {folder}" in caplog.text


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_a_single_run_without_data_is_one_line(checkout, run, name, caplog):
    assert run(checkout / name / "gan" / SCRIPTS[name]) == console.MISTAKE
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert line.startswith("error: no ")
    for folder in (checkout / name / "data", checkout / "data"):
        assert f"{folder}{os.sep}" in line


def small_data(checkout, name):
    """Put a little data where the README of the paper's code says; return the place."""
    folder = checkout / name / "data"
    if "teapot" in name:
        spec = generate.TeapotSet(variants.ALL_COLOR, train=40, groups=5)
        generate.generate(spec, folder / "3Dpots", say=lambda line: None)
        return folder / "3Dpots"
    path = folder / "celeba" / "data.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, imgs=np.zeros((40, 32, 32, 3), np.uint8))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT_DATA)  # dSprites has no small set
def test_train_a_single_run(checkout, name, monkeypatch):
    monkeypatch.setattr(generate, "GROUP_SIZE", 2)
    data = small_data(checkout, name)
    script = checkout / name / "gan" / SCRIPTS[name]
    changes = ["max_batches=2", "batch_size=4", "vis_num_sample=2", "vis_num_rep=1"]
    process = start(script, *(f"--set={change}" for change in changes))
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, output + errors
    (folder,) = (checkout / name / "results").iterdir()
    assert f"training in {folder}" in output
    assert f" from {data}\n" in output
    assert json.loads((folder / "run.json").read_text())["state"] == "finished"


@pytest.mark.slow
def test_train_the_shape_classifier(checkout):
    script = checkout / "InfoGAN-CR_dSprites" / "gan" / "train_DSpritesInceptionScore.py"
    process = start(script, "--images", 64, "--epochs", 1)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, output + errors
    made = checkout / "data" / "dSprites" / "shape_classifier.keras"
    assert output.splitlines()[-1].endswith(str(made))
    assert dsprites.classifier_path(checkout / "FactorVAE_dSprites") == made


# ---- grids --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_a_grid_reports_missing_data_once(checkout, name, capfd):
    folder = checkout / name
    assert cli.main(folder, []) == console.MISTAKE
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: no ")
    assert not (folder / "results").exists()
    assert cli.main(folder, ["--dry-run"]) == 0
    shown = capfd.readouterr()
    assert shown.out.splitlines()[1] == f"note: {line.removeprefix('error: ')}"
    assert shown.err == ""


def test_scoring_reports_missing_data_once_and_drawing_needs_none(checkout, capfd):
    experiment = load(checkout / "InfoGAN-CR_CelebA")
    (task,) = experiment.grid().tasks
    folder = experiment.folder / "results" / task.name
    folder.mkdir(parents=True)
    record = {"state": "finished", "config": dataclasses.asdict(task.config)}
    (folder / "run.json").write_text(json.dumps(record))
    assert cli.main_final_metrics(experiment.folder, []) == console.MISTAKE
    assert capfd.readouterr().err.startswith("error: no CelebA")
    assert cli.main_final_metrics(experiment.folder, ["--dry-run"]) == 0
    assert "note: no CelebA" in capfd.readouterr().out
    assert cli.main_latent_trans(experiment.folder, ["--dry-run"]) == 0
    assert "no CelebA" not in capfd.readouterr().out


def test_reproduce_reports_missing_data_once(checkout, capfd):
    words = ["--experiment", str(checkout / "FactorVAE_3D_teapot"), "--out", str(checkout / "out")]
    assert reproduce.main(words) == console.MISTAKE
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: no teapots in ")
    assert not (checkout / "out").exists()
