"""main.py and the task scripts as a user types them, with a stand-in for the training itself."""

import json
import os
import re
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from disentanglement.launch import visible_gpus
from tests.experiments import ROOT

FOLDER = ROOT / "InfoGAN-CR_dSprites"

# Stands where gan_task.py stands, without the training: takes a second, leaves a record, and
# fails for run 1.
TASK = """
    import dataclasses, json, os, sys, time
    from pathlib import Path
    from disentanglement import cli
    from disentanglement.errors import UserError
    from experiment import EXPERIMENT

    def train(config, folder):
        events = Path(os.environ["EVENTS"])
        gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "cpu")
        def note(what):
            with events.open("a") as file:
                file.write(json.dumps([what, config.run, gpu, time.time()]) + "\\n")
        note("start")
        time.sleep(float(os.environ.get("SECONDS", "1")))
        note("end")
        if config.run == 1:
            raise UserError("discriminator/loss became nan in batch 7")
        if config.run == 2:
            print("low-level trouble", file=sys.stderr, flush=True)
            os.abort()
        record = {"state": "finished", "config": dataclasses.asdict(config), "seconds": 60,
                  "scores": {"factor_vae": 0.5}}
        (folder / "run.json").write_text(json.dumps(record))
        for name in ("checkpoint", "checkpoint/global_id-7"):
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "model.npz").write_text(name)

    def train_stack(configs, folders):
        with Path(os.environ["EVENTS"]).open("a") as file:
            file.write(json.dumps(["stack", [c.run for c in configs], "cpu", 0]) + "\\n")
        for config, folder in zip(configs, folders):
            train(config, folder)

    sys.exit(cli.task(EXPERIMENT, train, train_stack))
"""

# Likewise for scoring: the real command and records, and a metric that counts its calls.
SCORE_TASK = """
    import os, sys
    from pathlib import Path
    from disentanglement import cli, final_metrics, record
    from experiment import EXPERIMENT

    def score(config, folder):
        with Path(os.environ["EVENTS"]).open("a") as file:
            file.write(f'["score", {config.run}, "cpu", 0]\\n')
        for name, path in final_metrics.checkpoints(folder).items():
            record.save(folder, {
                "scores": {"factor_vae": 0.7}, "metrics": {"factor_vae": {}}, "skipped": {},
                "model": {"checkpoint": final_metrics._fingerprint(path)},
            }, name)

    sys.exit(cli.task_final_metrics(EXPERIMENT, score))
"""
METRICS = """
    FINAL = {"factor_vae": None}

    def available(metrics, say):
        return metrics
"""


@pytest.fixture
def experiment(tmp_path):
    """A copy of the experiment folder whose task is the stand-in."""
    folder = tmp_path / "experiment"
    folder.mkdir()
    for name in ("main.py", "main_final_metrics.py", "experiment.py", "config.py"):
        (folder / name).write_text((FOLDER / name).read_text())
    (folder / "gan_task.py").write_text(textwrap.dedent(TASK))
    (folder / "gan_task_final_metrics.py").write_text(textwrap.dedent(SCORE_TASK))
    (folder / "gan").mkdir()
    (folder / "gan" / "metric.py").write_text(textwrap.dedent(METRICS))
    return folder


def run(folder, *arguments, script="main.py", gpus=None, **environment):
    bins = folder.parent / "bin"
    bins.mkdir(exist_ok=True)
    (bins / "nvidia-smi").unlink(missing_ok=True)
    if gpus is not None:
        fake_nvidia_smi(bins / "nvidia-smi", gpus)
    environment = os.environ | {"EVENTS": str(folder / "events"), **environment}
    environment["PATH"] = f"{bins}:{environment['PATH']}"
    return subprocess.run(
        [sys.executable, script, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def fake_nvidia_smi(path, gpus):
    lines = "\n".join(f'echo "{gpu}, 80000, 81000"' for gpu in gpus)
    ids = "\n".join(f"echo {gpu}" for gpu in gpus)
    path.write_text(f'#!/bin/sh\ncase "$*" in *memory*)\n{lines}\n;; *)\n{ids}\n;; esac\n')
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


def events(folder):
    return [json.loads(line) for line in (folder / "events").read_text().splitlines()]


def most_at_once(found, gpu):
    running = most = 0
    for what, _, where, _ in sorted(found, key=lambda event: event[3]):
        if where == gpu:
            running += 1 if what == "start" else -1
            most = max(most, running)
    return most


def test_list_is_quick_and_prints_folder_names(experiment):
    start = time.monotonic()
    result = run(experiment, "--list", "--runs", "0,3-5")
    assert time.monotonic() - start < 3  # TensorFlow is not imported
    names = result.stdout.splitlines()
    assert [re.search(r"run-(\d+),$", name).group(1) for name in names] == ["0", "3", "4", "5"]
    assert (result.returncode, result.stderr) == (0, "")


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
    again = run(experiment, "--runs", "3-4")
    assert "2 runs, 0 to train" in again.stdout
    assert len(events(experiment)) == 4
    dry = run(experiment, "--runs", "3-5", "--dry-run")
    assert len(re.findall("skip +finished", dry.stdout)) == 2
    assert len(re.findall("train +new", dry.stdout)) == 1


def test_a_finished_run_of_other_length_is_not_skipped(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    result = run(experiment, "--runs", "3", "--set", "epoch=30", "--dry-run")
    assert "1 runs, 1 to train" in result.stdout


def test_force_rerun_keeps_the_old_folder(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    result = run(experiment, "--runs", "3", "--set", "force_rerun=True", SECONDS="0")
    assert result.returncode == 0
    folders = sorted(path.name for path in (experiment / "results").iterdir())
    assert len(folders) == 2
    assert folders[1] == folders[0] + ".old-1"
    assert len(events(experiment)) == 4


def test_failures_are_reported_and_the_rest_still_runs(experiment):
    result = run(experiment, "--runs", "0-3", SECONDS="0")
    assert result.returncode == 1
    assert "discriminator/loss became nan in batch 7" in result.stdout
    assert re.search(r"run-1, failed \(exit status 2\); the end of .*worker.log", result.stdout)
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
    assert "low-level trouble" in result.stdout  # what the run wrote to stderr is in its log
    assert result.stdout.count("factor_vae 0.500") == 1


def test_no_allowed_gpu(experiment):
    result = run(experiment, "--runs", "3", "--set", "gpu=5", gpus=[0, 1])
    assert result.returncode == 2
    assert "'gpu' allows ['5'], but this machine has ['0', '1']" in result.stderr


def test_a_broken_nvidia_smi_means_cpu(tmp_path, monkeypatch):
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho NVIDIA-SMI has failed\nexit 9\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert visible_gpus() == []


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
        (["--runs", "77"], "--runs 77: no such run"),
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
        assert "finished; scores" in log.read_text()


def test_a_failed_stack_fails_all_its_runs(experiment):
    result = run(experiment, "--runs", "0-1", "--stack", "5", SECONDS="0")
    assert result.returncode == 1
    assert result.stdout.count("failed   ") == 2


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


# ---- main_final_metrics.py ----------------------------------------------------------------------


def score(folder, *arguments, **options):
    return run(folder, *arguments, script="main_final_metrics.py", **options)


def scored(folder):
    return [number for what, number, *_ in events(folder) if what == "score"]


def test_trained_runs_are_scored_once(experiment):
    run(experiment, "--runs", "3-4", SECONDS="0")
    first = score(experiment, "--runs", "3-5")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "3 runs, 2 to score on this CPU" in first.stdout
    assert scored(experiment) == [3, 4]
    assert first.stdout.count("factor_vae 0.700") == 2
    assert len(re.findall("untrained .*run-5,", first.stdout)) == 1
    names = {path.name for path in experiment.glob("results/*run-3,/final_metrics*")}
    assert names == {"final_metrics.json", "final_metrics_global_id-7.json"}
    again = score(experiment, "--runs", "3-5")
    assert "3 runs, 0 to score" in again.stdout
    assert scored(experiment) == [3, 4]


def test_a_new_metric_or_a_new_checkpoint_is_scored(experiment):
    run(experiment, "--runs", "3-4", SECONDS="0")
    score(experiment)
    (path,) = experiment.glob("results/*run-3,/checkpoint/global_id-7/model.npz")
    path.write_text("trained again")
    assert "1 to score" in score(experiment, "--dry-run").stdout
    (experiment / "gan" / "metric.py").write_text(
        textwrap.dedent(METRICS).replace("None}", "None, 'mig': None}")
    )
    assert "2 to score" in score(experiment, "--dry-run").stdout


def test_scoring_again_keeps_the_old_scores(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    score(experiment)
    result = score(experiment, "--set", "force_rerun=True")
    assert result.returncode == 0
    assert scored(experiment) == [3, 3]
    assert len(list(experiment.glob("results/*run-3,/final_metrics*.old-1.json"))) == 2


def test_scoring_on_gpus(experiment):
    run(experiment, "--runs", "3-4", SECONDS="0")
    result = score(experiment, gpus=[0])
    assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(scored(experiment)) == [3, 4]


def test_nothing_to_score(experiment):
    result = score(experiment)
    assert result.returncode == 2
    assert result.stderr == "error: none of these runs is trained to its end: run main.py first\n"


def test_results_folder_is_a_file(experiment):
    result = run(experiment, "--runs", "3", "--set", "result_root_folder=config.py")
    assert result.returncode == 1
    assert "config.py" in result.stderr
    assert "choose another folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_single_run_script_shows_its_options():
    """gan/infogan_cr.py finds its folder when it is started as a script, from anywhere."""
    result = subprocess.run(
        [sys.executable, FOLDER / "gan" / "infogan_cr.py", "--help"],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "--work-dir" in result.stdout
