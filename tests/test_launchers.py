"""The launchers: Slurm's jobs on submitit's local executor, and tasks on a Ray of this machine."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from disentanglement import console
from disentanglement.config import parse
from disentanglement.errors import UserError
from disentanglement.experiments.launchers import chosen, launcher
from disentanglement.experiments.launchers.launcher import Command
from disentanglement.experiments.launchers.slurm import Slurm
from disentanglement.experiments.launchers.slurm_queue import GONE, JobState, SlurmQueue
from disentanglement.scheduler_config import SchedulerConfig
from tests import commands
from tests.experiments import ROOT, short_bars_experiment
from tests.runs import assert_same_result

# submitit starts processes and never waits for them.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


def config(**changes):
    paper = {"gpu": [], "temp_folder": "", "scheduler_log_file_path": "log", "log_file": "log"}
    return parse(SchedulerConfig, {**paper, "slurm_gpus": 0, **changes}, "config.py")


class Reporter:
    """Collects events; stops the launcher, as Ctrl-C would, once `stop_at` is true."""

    def __init__(self, stop_at=lambda: False):
        self.events, self.stop_at = [], stop_at

    def started(self, command, where):
        self.events.append(("started", *command.runs))

    def ended(self, command, status, stopped, how=None):
        self.events.append(("ended", *command.runs, status, stopped))
        self.how = how

    def note(self, line):
        self.events.append(line)

    def progress(self, waiting):
        if self.stop_at():
            raise KeyboardInterrupt

    def ends(self):
        return sorted(event[1:] for event in self.events if event[0] == "ended")


class Processes(SlurmQueue):
    """A queue whose jobs are the processes that submitit's local executor starts."""

    def __init__(self):
        self.dead = {}

    def check(self):
        pass

    def states(self, jobs):
        return {job: self.dead.get(job) or self._state(job) for job in jobs}

    def cancel(self, jobs):
        for job in jobs:
            os.kill(int(job), signal.SIGTERM)

    def _state(self, job):
        try:
            state = Path(f"/proc/{job}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return GONE
        return JobState("COMPLETED") if state == "Z" else JobState("RUNNING", nodes="here")


@pytest.fixture
def script(tmp_path):
    """Return a function that makes the command of a script with this body."""

    def make(name, body):
        path = tmp_path / f"{name}.py"
        path.write_text(f"import os, signal, sys, time\nfrom pathlib import Path\n{body}\n")
        return Command((sys.executable, str(path)), tmp_path / name / "log", (name,))

    return make


def slurm(folder, queue, verb="train"):
    return Slurm(config(), folder / "results", verb, queue, cluster="local", seconds=0.1)


def test_jobs_end_with_the_exit_status_of_their_scripts(tmp_path, script):
    again = tmp_path / "again"
    preempted = f"""
if not Path("{again}").exists():
    Path("{again}").touch()
    os.kill(os.getpid(), signal.SIGUSR2)  # as Slurm does before it takes the node away
    time.sleep(60)
"""
    jobs = [
        script("good", "sys.exit(0)"),
        script("mistake", "sys.exit(2)"),
        script("bug", "raise ValueError('a bug')"),
        script("preempted", preempted),
        script("asked", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"),
    ]
    reporter = Reporter()
    slurm(tmp_path, Processes()).run(jobs, reporter)
    assert reporter.ends() == [
        ("asked", console.STOPPED, True),
        ("bug", 1, False),
        ("good", 0, False),
        ("mistake", 2, False),
        ("preempted", 0, False),
    ]
    assert again.exists()


def test_the_same_command_watches_its_jobs_again(tmp_path, script):
    """Jobs outlive their main script, are never submitted twice, and can be ended."""
    starts, go = tmp_path / "starts", tmp_path / "go"
    body = f"""
with Path("{starts}").open("a") as file:
    file.write("x")
while not Path("{go}").exists():
    time.sleep(0.01)
"""
    job, queue = script("run", body), Processes()
    with pytest.raises(KeyboardInterrupt):
        slurm(tmp_path, queue).run([job], Reporter(stop_at=starts.exists))
    assert slurm(tmp_path, queue).underway() == {"run": ("run",)}
    assert slurm(tmp_path, queue, "score").underway() == {}
    go.touch()
    reporter = Reporter()
    slurm(tmp_path, queue).run([job], reporter)
    assert reporter.events[0].startswith("watching Slurm job")
    assert reporter.ends() == [("run", 0, False)]
    assert starts.read_text() == "x"
    assert slurm(tmp_path, queue).underway() == {}
    go.unlink()
    size = starts.stat().st_size
    with pytest.raises(KeyboardInterrupt):
        slurm(tmp_path, queue).run([job], Reporter(stop_at=lambda: starts.stat().st_size > size))
    assert (
        slurm(tmp_path, queue)
        .cancel(["run"])[0]
        .startswith("cancelled 1 job (0 pending, 1 running")
    )
    end = time.monotonic() + 20
    while slurm(tmp_path, queue).underway():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert slurm(tmp_path, queue).cancel(["run"]) == [
        "no job in Slurm's queue is going to train these runs"
    ]


def test_a_job_that_dies_without_a_word_has_failed(tmp_path, script):
    """What Slurm knows of it is told, and what may be the reason."""
    job, reporter = script("run", "os.kill(os.getpid(), signal.SIGKILL)"), Reporter()
    slurm(tmp_path, Processes()).run([job], reporter)
    assert reporter.ends() == [("run", 1, False)]
    assert "ended without an exit status (Slurm job " in reporter.how


def test_a_submission_that_was_interrupted_is_found_by_its_name(tmp_path):
    queue = Processes()
    queue.find = lambda name: "12" if name == "train-ab" else None
    queue.states = lambda jobs: {job: JobState("PENDING", "Resources") for job in jobs}
    folder = tmp_path / "results" / ".slurm"
    folder.mkdir(parents=True)
    note = {"name": "train-ab", "verb": "train", "runs": [["a"], ["b", "c"]]}
    (folder / "submission-train-ab.json").write_text(json.dumps(note))
    found = slurm(tmp_path, queue)
    assert found.underway() == {"a": ("a",), "b": ("b", "c"), "c": ("b", "c")}
    assert found.waiting()["c"] == "Slurm job 12_1 will train it (Resources)"


@pytest.mark.slow
def test_a_preempted_run_ends_like_an_unbroken_one(tmp_path, unbroken):
    experiment = short_bars_experiment(tmp_path / "Bars")
    run = experiment / "results" / "run-3,"
    words = (sys.executable, str(experiment / "gan_task.py"), "--threads", "1", "0")
    os.environ["PYTHONPATH"] = str(ROOT)
    told = []

    def tell():
        """Send the signal once the run has saved its first checkpoint."""
        if not told and (run / "checkpoint" / "model.npz").exists():
            pid = json.loads((run / "progress.json").read_text())["pid"]
            told.append(os.kill(pid, signal.SIGUSR2))
        return False

    reporter = Reporter(stop_at=tell)
    slurm(tmp_path, Processes()).run([Command(words, run / "worker.log", ("run-3,",))], reporter)
    assert reporter.ends() == [("run-3,", 0, False)]
    assert told
    log = (run / "worker.log").read_text()
    assert "saved in" in log
    assert "resumed from" in log
    assert_same_result(run, unbroken)


# ---- Slurm's own commands ------------------------------------------------------------------


def fake(tmp_path, monkeypatch, name, body):
    program = tmp_path / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def test_what_squeue_prints(tmp_path, monkeypatch):
    lines = "12_0|RUNNING|None|n1\n12_1|PENDING|Resources|\n12_2|REQUEUE_HOLD|held|\n"
    body = f'case "$*" in *"--jobs 12"*) printf "{lines}";; *) ' \
        'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1;; esac'  # fmt: skip
    fake(tmp_path, monkeypatch, "squeue", body)
    states = SlurmQueue().states(["12_0", "12_1", "12_2", "7"])
    assert states["12_0"] == JobState("RUNNING", "None", "n1")
    assert states["12_1"].is_pending
    assert states["12_2"].is_held
    assert states["7"].is_over


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


def test_options_of_sbatch_are_checked(tmp_path):
    with pytest.raises(UserError, match="'--qos=low' must be NAME=VALUE"):
        Slurm(config(slurm_options=["--qos=low"]), tmp_path, "train", Processes())


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


def test_no_ray_at_the_address(tmp_path):
    folder = commands.copy_experiment(tmp_path / "experiment")
    result = commands.run(folder, "--launcher", "ray", "--set", "ray_address=127.0.0.1:1")
    assert result.returncode == 2
    assert "no Ray cluster at ray_address '127.0.0.1:1'" in result.stderr
