"""main.py and the task scripts as a user runs them, with a stand-in for training."""

import dataclasses
import os
import re
import subprocess
import sys

import pytest

from disentanglement import records
from disentanglement.experiments import gpus
from disentanglement.experiments.load import load
from disentanglement.experiments.runs import RunFolder
from disentanglement.training import checkpoint
from tests.commands import FOLDER, events, most_at_once, run


def test_list_prints_folder_names(experiment):
    result = run(experiment, "--list", "--runs", "0,3-5")
    names = result.stdout.splitlines()
    assert [re.search(r"run-(\d+),$", name).group(1) for name in names] == ["0", "3", "4", "5"]
    assert (result.returncode, result.stderr) == (0, "")


def test_list_is_quick(experiment):
    """It imports nothing that takes seconds; Python lists on stderr what it imports."""
    result = run(experiment, "--list", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.split("|")[-1].strip() for line in result.stderr.splitlines()}
    assert "disentanglement.config" in imported
    assert not imported & {"tensorflow", "jax", "keras", "matplotlib"}


def test_dry_run_starts_nothing(experiment):
    result = run(experiment, "--dry-run", "--runs", "0-1")
    assert result.returncode == 0
    assert "2 runs, 2 to train on this CPU" in result.stdout
    assert result.stdout.count("train  new") == 2
    assert not (experiment / "results").exists()
    assert not (experiment / "events").exists()


def test_cpu_runs_one_after_another_then_skips(experiment):
    result = run(experiment, "--runs", "3-4", SECONDS="0.3")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [(what, number) for what, number, *_ in events(experiment)] == [
        ("start", 3), ("end", 3), ("start", 4), ("end", 4),
    ]  # fmt: skip
    assert result.stdout.count("factor_vae 0.500") == 2
    assert result.stdout.count("traversal.png") == 2
    page = experiment / "results" / "report.html"
    assert re.search(f"\nreport: {page} .*\n$", result.stdout)
    assert page.read_text().count("finished</span>") == 2
    again = run(experiment, "--runs", "3-4")
    assert "2 runs, 0 to train" in again.stdout
    assert len(events(experiment)) == 4
    dry = run(experiment, "--runs", "3-5", "--dry-run")
    assert len(re.findall("skip +finished", dry.stdout)) == 2
    assert len(re.findall("train +new", dry.stdout)) == 1


def test_a_finished_run_of_other_length_is_not_skipped(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    result = run(experiment, "--runs", "3", "--set", "epoch=30", "--dry-run")
    assert "1 run, 1 to train" in result.stdout


@pytest.mark.slow
def test_a_finished_run_of_another_config_is_listed_and_not_started(experiment):
    arguments = ("--runs", "3-4", "--set", "batch_size=32")
    run(experiment, "--runs", "3", SECONDS="0")
    why = "batch_size was 64, is now 32; this key is not part of the folder's name: change it back"
    dry = run(experiment, *arguments, "--dry-run")
    assert "2 runs, 1 to train" in dry.stdout
    assert re.search(f"\n  skip   another config  .*run-3,  {why}", dry.stdout)
    result = run(experiment, *arguments, SECONDS="0")
    assert result.returncode == 1
    assert result.stdout.count(why) == 1
    assert "failed" not in result.stdout + result.stderr
    assert [number for what, number, *_ in events(experiment) if what == "start"] == [3, 4]
    scored = run(experiment, *arguments, "--dry-run", script="main_final_metrics.py")
    assert why in scored.stdout
    again = run(experiment, *arguments, "--set", "force_rerun=True", SECONDS="0")
    assert again.returncode == 0, again.stdout
    assert len(list(experiment.glob("results/*.old-1"))) == 2


def test_an_unfinished_run_of_another_config(experiment):
    chosen = load(experiment).grid(experiment / "config.py", ["batch_size=32"]).select("3")
    folder = RunFolder(experiment, chosen.scheduler, chosen.tasks[0])
    assert folder.other_config() is None
    old = dataclasses.asdict(chosen.tasks[0].config) | {"batch_size": 64, "epoch": 1}
    records.save(folder.path, {"state": "training", "config": old})
    assert folder.other_config() is None  # nothing is saved, so it starts afresh
    checkpoint.write(folder.path / "checkpoint" / checkpoint.FILE, {}, {"config": old})
    assert folder.other_config() == "batch_size was 64, is now 32"
    (folder.path / records.FILE).unlink()
    assert folder.other_config() == "batch_size was 64, is now 32"


def test_force_rerun_keeps_the_old_folder(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    result = run(experiment, "--runs", "3", "--set", "force_rerun=True", SECONDS="0")
    assert result.returncode == 0
    folders = sorted(path.name for path in (experiment / "results").glob("*/"))
    assert len(folders) == 2
    assert folders[1] == folders[0] + ".old-1"
    assert len(events(experiment)) == 4


def test_failures_are_reported_and_the_rest_still_runs(experiment):
    result = run(experiment, "--runs", "0-3", SECONDS="0")
    assert result.returncode == 1
    assert "discriminator/loss became nan in batch 7" in result.stdout
    assert re.search(r"run-1, failed \(exit status 2\); last lines of .*worker.log", result.stdout)
    assert re.search(r"run-2, (was killed by signal 6|failed \(exit status 134\))", result.stdout)
    assert [number for what, number, *_ in events(experiment) if what == "end"] == [0, 1, 2, 3]
    assert result.stdout.count("factor_vae 0.500") == 2


def test_gpus_never_get_two_runs_and_all_are_waited_for(experiment):
    result = run(experiment, "--runs", "3-7", "--set", "gpu=0,1", gpus=[0, 1, 2], SECONDS="1.5")
    assert result.returncode == 0, result.stdout + result.stderr
    found = events(experiment)
    assert sorted(number for what, number, *_ in found if what == "end") == [3, 4, 5, 6, 7]
    assert {gpu for _, _, gpu, _ in found} == {"0", "1"}
    assert [most_at_once(found, gpu) for gpu in "01"] == [1, 1]
    assert result.stdout.count("finished") == 5
    assert "No available GPU" in (experiment / "scheduler.log").read_text()
    assert "No available GPU" not in result.stdout


def test_two_runs_a_gpu_if_the_config_says_so(experiment):
    run(experiment, "--runs", "3-6", "--set", "max_tasks_per_gpu=2", gpus=[0], SECONDS="2")
    assert most_at_once(events(experiment), "0") == 2


def test_failures_on_gpus(experiment):
    result = run(experiment, "--runs", "1-3", gpus=[0], SECONDS="0")
    assert result.returncode == 1
    assert "discriminator/loss became nan in batch 7" in result.stdout
    assert "low-level trouble" in result.stdout  # the log has what the run wrote to stderr
    assert result.stdout.count("factor_vae 0.500") == 1


def test_no_allowed_gpu(experiment):
    result = run(experiment, "--runs", "3", "--set", "gpu=5", gpus=[0, 1])
    assert result.returncode == 2
    assert "nvidia-smi lists 0, 1, and 'gpu' in scheduler_config allows 5" in result.stderr


def test_a_broken_nvidia_smi_means_cpu(tmp_path, monkeypatch):
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho NVIDIA-SMI has failed\nexit 9\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert gpus.installed() == {}


def test_task_by_name_number_and_default(experiment):
    names = run(experiment, "--list").stdout.splitlines()
    for argument in (names[4], "4"):
        result = run(experiment, argument, script="gan_task.py", SECONDS="0")
        assert result.returncode == 0, result.stderr
        assert (experiment / "results" / names[4] / "worker.log").exists()
    run(experiment, script="gan_task.py", SECONDS="0")
    assert (experiment / "results" / names[0] / "run.json").exists()
    result = run(experiment, "nonsense", script="gan_task.py")
    assert result.returncode == 2
    assert "no run 'nonsense'" in result.stderr


def test_task_work_dir(experiment, tmp_path):
    result = run(
        experiment, "3", "--work-dir", str(tmp_path / "w"), script="gan_task.py", SECONDS="0"
    )
    assert result.returncode == 0
    assert (tmp_path / "w" / "run.json").exists()
    assert not (experiment / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "batchsize=3"], "unknown key 'batchsize'; did you mean 'batch_size'?"),
        (["--config", "none.py"], "none.py: cannot be read"),
        (["--runs", "77"], "--runs 77: no run 77 in"),
        (["--runs", "5-3"], "--runs 5-3: write it like 0,3-5"),
        (["--set", "run=5-3"], "--set run=5-3: write it like 0,3-5"),
    ],
)
def test_mistakes_are_one_line(experiment, arguments, message):
    result = run(experiment, *arguments, SECONDS="0")
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (experiment / "events").exists()


def stacks(folder):
    return [runs for what, runs, *_ in events(folder) if what == "stack"]


def test_stacks_hold_runs_that_differ_in_their_seed_only(experiment):
    config = (experiment / "config.py").read_text()
    assert '"info_coe_de": [0.05]' in config
    (experiment / "config.py").write_text(
        config.replace('"info_coe_de": [0.05]', '"info_coe_de": [0.05, 0.1]')
    )
    result = run(experiment, "--runs", "3-5", "--stack", "2", SECONDS="0")
    assert result.returncode == 0, result.stdout + result.stderr
    assert stacks(experiment) == [[3, 4], [3, 4]]  # and each value's run 5 alone
    assert result.stdout.count("factor_vae 0.500") == 6
    for log in experiment.glob("results/*/worker.log"):
        assert "finished; the scores" in log.read_text()


def test_a_failed_stack_fails_only_what_it_did_not_finish(experiment):
    """Run 0 finishes before run 1, in the same process, fails."""
    result = run(experiment, "--runs", "0-1", "--stack", "5", SECONDS="0")
    assert result.returncode == 1
    assert re.search(r"\n  finished   factor_vae 0.500 .*\n  failed  .*run-1,", result.stdout)


def test_runs_that_cannot_train_together(experiment):
    config = (experiment / "config.py").read_text()
    (experiment / "config.py").write_text(
        config.replace('"info_coe_de": [0.05]', '"info_coe_de": [0.05, 0.1]')
    )
    result = run(experiment, "0", "10", script="gan_task.py")
    assert result.returncode == 2
    assert "differ in 'info_coe_de'" in result.stdout + result.stderr
    result = run(experiment, "0", "1", "--work-dir", "w", script="gan_task.py")
    assert "--work-dir is for one run" in result.stderr


def test_results_folder_is_a_file(experiment):
    result = run(experiment, "--runs", "3", "--set", "result_root_folder=config.py")
    assert result.returncode == 1
    assert "config.py" in result.stderr
    assert "choose another folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_single_run_script_shows_its_options():
    """As a script, gan/infogan_cr.py finds its folder from any working directory."""
    result = subprocess.run(
        [sys.executable, FOLDER / "gan" / "infogan_cr.py", "--help"],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "--work-dir" in result.stdout


def test_a_closed_pipe_is_no_success_and_no_traceback(experiment):
    """`main.py --list | head`: the reader is gone before the first line."""
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, str(experiment / "main.py"), "--list"]
    result = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert result.returncode == 141
    assert result.stderr == ""
