"""What all launchers share, and Ray: tasks on a Ray of this machine."""

import json
import signal
import time
from types import SimpleNamespace

import pytest
from ray import exceptions

from disentanglement import console
from disentanglement.errors import UserError
from disentanglement.experiments import cli, launchers
from disentanglement.experiments.launchers import chosen, launcher
from disentanglement.experiments.launchers.launcher import Command
from disentanglement.experiments.launchers.ray import _Tasks as Tasks
from tests import commands
from tests.experiments import ROOT
from tests.launchers import Reporter, config


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("launcher=slrm", "'launcher' must be 'local' or 'slurm' or 'ray', not 'slrm'"),
        ("slurm_minutes=soon", "slurm_minutes=soon: expected an integer"),
        ("slurm_cpus=0", "'slurm_cpus' must be at least 1, not 0"),
        ("ray_retries=often", "ray_retries=often: expected an integer"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, option, message):
    folder = commands.copy_experiment(tmp_path / "experiment")
    result = commands.run(folder, "--set", option)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_slurm_or_the_library(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no sbatch on this machine"):
        chosen(config(launcher="slurm"), tmp_path, "train")
    monkeypatch.setattr(launcher.importlib.util, "find_spec", lambda name: None)
    for name in ("slurm", "ray"):
        with pytest.raises(UserError, match=rf"not installed: pip install .*\[{name}\]"):
            chosen(config(launcher=name), tmp_path, "train")


def test_cancel_is_for_slurm(tmp_path):
    with pytest.raises(UserError, match="press Ctrl-C"):
        chosen(config(), tmp_path, "train").cancel([])


class Cancelled(launcher.EndsWithMain):
    """A launcher whose jobs somebody else ends."""

    where = "Slurm"

    def run(self, commands, reporter):
        for command in commands:
            reporter.ended(command, console.STOPPED, stopped=True)


def test_runs_that_somebody_else_has_ended_are_no_success(tmp_path, monkeypatch, capsys):
    folder = commands.copy_experiment(tmp_path / "experiment")
    monkeypatch.setattr(launchers, "chosen", lambda *arguments: Cancelled())
    assert cli.main(folder, ["--runs", "0"]) == console.STOPPED
    assert "stopped " in capsys.readouterr().out


# ---- Ray -----------------------------------------------------------------------------------


RAY = ("--launcher", "ray", "--set", "ray_address=local")


def test_a_grid_on_ray(tmp_path):
    """Each run is trained once; a mistake is not tried again, what dies is."""
    folder = commands.copy_experiment(tmp_path / "experiment")
    result = commands.run(folder, *RAY, "--runs", "0-3", SECONDS="0.1", PYTHONPATH=str(ROOT))
    assert result.returncode == 1, result.stdout + result.stderr
    events = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
    starts = sorted(run for what, run, *_ in events if what == "start")
    assert starts == [0, 1, 2, 2, 3]  # run 1 has a mistake in it, run 2 aborts
    assert "trying again" in result.stdout
    assert "discriminator/loss became nan in batch 7" in result.stdout
    assert result.stdout.count("finished") == 2


def test_ctrl_c_on_ray_lets_runs_save(tmp_path):
    folder = commands.copy_experiment(tmp_path / "experiment")
    main = commands.start(folder, *RAY, "--runs", "0", SECONDS="60", PYTHONPATH=str(ROOT))
    end = time.monotonic() + 60
    while not (folder / "events").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    main.send_signal(signal.SIGINT)
    output, _ = main.communicate(timeout=60)
    assert main.returncode == console.STOPPED, output
    events = [json.loads(line)[0] for line in (folder / "events").read_text().splitlines()]
    assert events == ["start", "asked", "saved"]
    assert "run the same command again to resume" in output


class LosingRay:
    """A Ray whose first node dies, while the process on it still saves."""

    def __init__(self):
        self.ends = [exceptions.NodeDiedError("lost"), console.IN_USE, console.IN_USE, 0]

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 2}}]

    def cluster_resources(self):
        return {}

    def remote(self, **options):
        return lambda function: SimpleNamespace(remote=lambda *arguments: self.ends.pop(0))

    def wait(self, tasks, timeout):
        return tasks, []

    def get(self, task):
        if isinstance(task, Exception):
            raise task
        return task


def test_a_run_whose_lost_process_still_saves_is_not_given_up(tmp_path):
    ray, reporter = LosingRay(), Reporter()
    tasks = Tasks(ray, config(), 0.01, reporter)
    tasks.run([Command(("x",), tmp_path / "log", ("run",))])
    assert reporter.ends() == [("run", 0, False)]
    assert not ray.ends


def test_gpus_of_ray_are_whole_or_a_part_of_one(tmp_path):
    with pytest.raises(UserError, match=r"ray_gpus=1.5: above 1, Ray allows only whole numbers"):
        chosen(config(launcher="ray", ray_gpus=1.5), tmp_path, "train")


def test_no_ray_at_the_address(tmp_path):
    folder = commands.copy_experiment(tmp_path / "experiment")
    result = commands.run(folder, "--launcher", "ray", "--set", "ray_address=127.0.0.1:1")
    assert result.returncode == 2
    assert "no Ray cluster at ray_address '127.0.0.1:1'" in result.stderr
