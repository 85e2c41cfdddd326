"""The launchers: Slurm's jobs on submitit's local executor, and tasks on a Ray of this machine."""

import errno
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray import exceptions

from disentanglement import console, records
from disentanglement.config import parse
from disentanglement.errors import UserError
from disentanglement.experiments.launchers import chosen, launcher, slurm_options
from disentanglement.experiments.launchers.launcher import Command
from disentanglement.experiments.launchers.ray import _Tasks as Tasks
from disentanglement.experiments.launchers.slurm import Slurm
from disentanglement.experiments.launchers.slurm_notes import Notes
from disentanglement.experiments.launchers.slurm_queue import GONE, JobState, NoAnswer, SlurmQueue
from disentanglement.experiments.launchers.slurm_task import Task
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
    log = (tmp_path / "bug" / "log").read_text()  # main scripts show its end
    assert log.endswith("ValueError: a bug\n")


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


def test_cancel_keeps_to_the_selected_runs(tmp_path):
    queue, ended = Processes(), []
    queue.find = lambda name: "12"
    queue.states = lambda jobs: {job: JobState("PENDING", "Resources") for job in jobs}
    queue.cancel = ended.extend
    Notes(tmp_path / "results" / ".slurm", "train", queue).begin([("a",), ("b",)])
    lines = slurm(tmp_path, queue).cancel(["b"])
    assert ended == ["12_1"]
    assert lines[1] == "jobs for other runs of this folder go on: 12_0"


def test_slurm_must_say_whether_it_has_taken_a_submission(tmp_path):
    """Otherwise the same runs would be submitted twice."""
    queue = Processes()
    queue.find = unanswered
    Notes(tmp_path / "results" / ".slurm", "train", queue).begin([("a",)])
    with pytest.raises(UserError, match=r"Slurm does not answer \(down\): try again later"):
        slurm(tmp_path, queue).underway()


def unanswered(*arguments):
    raise NoAnswer("down")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            RuntimeError("sbatch: error: Socket timed out"),
            "refused the jobs: Socket timed out; job",
        ),
        (OSError(errno.ENOSPC, "full"), "the disk is full.* job 12, which Slurm had .* cancelled"),
    ],
)
def test_a_submission_that_fails_leaves_no_job_behind(
    tmp_path, script, monkeypatch, error, message
):
    queue, ended = Processes(), []
    queue.find = lambda name: "12"
    queue.cancel = ended.extend

    def refuse(*arguments):
        raise error

    monkeypatch.setattr(slurm_options, "executor", refuse)
    with pytest.raises(UserError, match=message):
        slurm(tmp_path, queue).run([script("run", "")], Reporter())
    assert ended == ["12"]
    assert not list((tmp_path / "results" / ".slurm").glob("submission-*"))


def test_ctrl_c_waits_until_jobs_are_submitted_and_noted(tmp_path, script, monkeypatch):
    queue, submit = Processes(), slurm_options.executor

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return submit(*arguments)

    monkeypatch.setattr(slurm_options, "executor", interrupted)
    job, reporter = script("run", "time.sleep(60)"), Reporter()
    with pytest.raises(KeyboardInterrupt):
        slurm(tmp_path, queue).run([job], reporter)
    assert reporter.events[0].startswith("submitted 1 job")
    assert slurm(tmp_path, queue).underway() == {"run": ("run",)}
    assert slurm(tmp_path, queue).cancel(["run"])[0].startswith("cancelled 1 job")


def test_a_full_disk_does_not_hide_which_jobs_were_submitted(tmp_path, script, monkeypatch):
    save = records.save

    def full(folder, record, name):
        if "array" in record:
            raise UserError("the disk is full")
        save(folder, record, name)

    monkeypatch.setattr(records, "save", full)
    reporter = Reporter()
    with pytest.raises(UserError, match="full"):
        slurm(tmp_path, Processes()).run([script("run", "")], reporter)
    assert reporter.events[0].startswith("submitted 1 job to Slurm: ")


def test_notes_on_jobs_that_are_over_are_removed(tmp_path, script):
    """Otherwise Slurm would be asked for all of them each time."""
    folder = tmp_path / "results" / ".slurm"
    for name in ("one", "other"):
        slurm(tmp_path, Processes()).run([script(name, "")], Reporter())
        assert len(list(folder.glob("submission-*"))) == 1


@pytest.mark.parametrize(("time_", "again"), [("2026-11-28T05:21:10", True), ("None", False)])
def test_a_job_that_slurm_preempts_with_sigterm_is_queued_again(
    tmp_path, monkeypatch, time_, again
):
    """With a GraceTime, Slurm says so before it takes the node."""
    fake(tmp_path, monkeypatch, "scontrol", f"echo '  PreemptTime={time_}'")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setattr(sys, "argv", sys.argv)
    script, handlers, requeued = tmp_path / "task.py", {}, []
    script.write_text("import signal\nsignal.raise_signal(signal.SIGTERM)\n")
    for number in (signal.SIGTERM, signal.SIGUSR2):
        handlers[number] = signal.getsignal(number)
    signal.signal(signal.SIGUSR2, lambda number, frame: requeued.append(number))
    try:
        task = Task((sys.executable, str(script)), tmp_path / "log", tmp_path, "status.json")
        assert task() == console.STOPPED
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert bool(requeued) == again


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slurm_options": ["--qos=low"]}, "'--qos=low' must be NAME=VALUE"),
        ({"slurm_options": ["time=60"]}, "'time=60' has a key of its own: set slurm_minutes"),
        ({"slurm_options": ["array=0-3"]}, "'array=0-3' is set by the launcher"),
        ({"slurm_minutes": 1}, "slurm_signal_seconds=90 is not less than the time limit"),
    ],
)
def test_options_of_sbatch_are_checked(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        Slurm(config(**changes), tmp_path, "train", Processes())


def test_what_sbatch_is_told(tmp_path, monkeypatch):
    fake(tmp_path, monkeypatch, "srun", "")
    refuse = 'echo "sbatch: error: Invalid job array specification" >&2; exit 1'
    fake(tmp_path, monkeypatch, "sbatch", f'cp "$1" {tmp_path}/sent; {refuse}')
    fake(tmp_path, monkeypatch, "squeue", "")
    fake(tmp_path, monkeypatch, "scancel", "")
    chosen = config(slurm_cpus=3, slurm_memory_gb=None, slurm_options=["qos=low"])
    job = Command((sys.executable, "x.py"), tmp_path / "log", ("run",))
    with pytest.raises(UserError, match="specification .at most MaxArraySize jobs.*--runs"):
        Slurm(chosen, tmp_path / "results", "train").run([job], Reporter())
    sent = (tmp_path / "sent").read_text()
    for line in ("cpus-per-task=3", "requeue", "qos=low", "signal=USR2@90", "time=240"):
        assert f"#SBATCH --{line}\n" in sent
    assert "#SBATCH --mem" not in sent
    assert "--cpus-per-task=3 " in sent.split("\nsrun ")[1]


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
