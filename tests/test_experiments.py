"""Every experiment's folder has the same shape, and its commands answer."""

import pprint
import re
import runpy
import subprocess
import sys

import pytest

from disentanglement.errors import UserError
from disentanglement.experiments.load import folders
from disentanglement.experiments.runs import RunFolder
from tests.experiments import ROOT, load

TASKS = {
    "InfoGAN-CR_dSprites": "gan_task",
    "FactorVAE_dSprites": "factorvae_task",
    "InfoGAN-CR_3D_teapot": "gan_task",
    "FactorVAE_3D_teapot": "factorvae_task",
    "InfoGAN-CR_CelebA": "gan_task",
    "InfoGAN-CR_CdSprites": "gan_task",
    "VAE_dSprites": "vae_task",
    "VAE_3D_teapot": "vae_task",
}
RUNS = {
    "InfoGAN-CR_dSprites": 10,
    "FactorVAE_dSprites": 40,
    "InfoGAN-CR_3D_teapot": 10,
    "FactorVAE_3D_teapot": 40,
    "InfoGAN-CR_CelebA": 1,
    "InfoGAN-CR_CdSprites": 10,
    "VAE_dSprites": 290,
    "VAE_3D_teapot": 290,
}


def test_all_are_known():
    assert {path.name for path in folders()} == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_what_load_returns(name):
    experiment = load(name)
    assert experiment.folder == ROOT / name
    assert experiment.task == TASKS[name]
    assert load(ROOT / name) is experiment
    assert set(experiment.metrics().training) <= set(experiment.metrics().final)


def test_a_folder_without_an_experiment_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no file in its gan/ defines EXPERIMENT"):
        load(tmp_path)


def test_a_folder_with_two_experiments_is_one_line(tmp_path):
    (tmp_path / "gan").mkdir()
    for name in ("a.py", "b.py"):
        (tmp_path / "gan" / name).write_text("EXPERIMENT = None\n")
    with pytest.raises(UserError, match=r"a.py and b.py both define EXPERIMENT: remove one"):
        load(tmp_path)


def test_one_importer():
    """Only load.py imports an experiment's folder (config.py files are read, not imported)."""
    tricks = re.compile(
        r"__package__|spec_from_file_location|sys\.path\b|^\s*(from|import) (gan|experiment)\b",
        re.MULTILINE,
    )
    files = [
        *(ROOT / "disentanglement").rglob("*.py"),
        *(path for folder in folders() for path in folder.rglob("*.py")),
        *(ROOT / "benchmarks").glob("*.py"),
        *(path for path in (ROOT / "tests").glob("*.py") if path.name != "test_experiments.py"),
    ]
    assert [path for path in files if tricks.search(path.read_text())] == []
    importers = [path for path in files if "import_module" in path.read_text()]
    assert [path.relative_to(ROOT).as_posix() for path in importers] == [
        "disentanglement/engine/__init__.py",  # its own TensorFlow or JAX file
        "disentanglement/experiments/load.py",
    ]


def configs():
    return [path for folder in folders() for path in sorted(folder.glob("config*.py"))]


def test_configs_never_share_a_run_folder():
    seen = {}
    for path in configs():
        experiment = load(path.parent)
        chosen = experiment.grid(path)
        for task in chosen.tasks:
            folder = RunFolder(experiment.folder, chosen.scheduler, task).path.resolve()
            assert folder not in seen, f"{path} and {seen[folder]}"
            seen[folder] = path


@pytest.mark.parametrize("path", configs(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_config_does_not_look_at_the_disk(path):
    assert not re.search(r"\.(exists|iterdir|glob|is_file|is_dir)\(", path.read_text())


@pytest.mark.parametrize("name", TASKS)
def test_a_config_in_the_papers_form(name, tmp_path):
    """Without force_rerun and result_root_folder, and with `run` as a range.

    FactorVAE's have no summary_freq, either, and gaussian_dim in test_config.
    """
    ours = runpy.run_path(str(ROOT / name / "config.py"))["config"]
    for key in ("force_rerun", "result_root_folder"):
        del ours["scheduler_config"][key]
    (runs,) = {len(grid.pop("run")) for grid in ours["test_config"]}
    if name.startswith("FactorVAE"):
        del ours["global_config"]["summary_freq"]
        ours["test_config"][0]["gaussian_dim"] = [ours["global_config"].pop("gaussian_dim")]
    head, grids = pprint.pformat(ours, sort_dicts=False).split("'test_config': ")
    text = f"{head}'test_config': " + grids.replace("{", f"{{'run': range({runs}), ")
    (tmp_path / "config.py").write_text(f"config = {text}\n")
    experiment = load(name)
    theirs = experiment.grid(tmp_path / "config.py")
    configs = {repr(task.config) for task in experiment.grid().tasks}
    assert {repr(task.config) for task in theirs.tasks} == configs
    assert theirs.scheduler == experiment.grid().scheduler
    names = {task.name for task in experiment.grid().tasks}
    if name.startswith("FactorVAE"):
        names = {f"gaussian_dim-10,{name}" for name in names}
    assert {task.name for task in theirs.tasks} == names


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
    if RUNS[name] > 1:
        scripts += ["main_model_centrality", f"{task}_model_centrality"]
    parts = ["metric", load(name).build.__module__.rsplit(".", 1)[1]]
    if name.startswith("InfoGAN") and "CdSprites" not in name:
        parts.append("network")
    if name.endswith("_dSprites"):
        parts.append("train_DSpritesInceptionScore")
    for file in (*scripts, *(f"gan/{part}" for part in parts)):
        assert (ROOT / name / f"{file}.py").is_file(), file


@pytest.mark.parametrize("name", TASKS)
def test_the_commands_work(name):
    def output_of(script, *arguments):
        words = [sys.executable, str(ROOT / name / script), *arguments]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout

    listed = output_of("main.py", "--list").splitlines()
    assert len(listed) == len(set(listed)) == RUNS[name]
    quick = output_of("main.py", "--dry-run", "--config", str(ROOT / name / "config_quick.py"))
    assert "1 run, 1 to train" in quick or "1 run, 0 to train" in quick
    assert "Train one run" in output_of(f"{TASKS[name]}.py", "--help")
    assert "Score one run" in output_of(f"{TASKS[name]}_final_metrics.py", "--help")
    if RUNS[name] > 1:
        listed = output_of("main_model_centrality.py", "--list").splitlines()
        assert len(listed) == RUNS[name]
