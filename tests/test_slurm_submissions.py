"""What is submitted to Slurm: once, whatever goes wrong, and with which options."""

import errno
import json
import signal
import sys
import time

import pytest

from disentanglement import records
from disentanglement.errors import UserError
from disentanglement.experiments.launchers import slurm as slurm_module
from disentanglement.experiments.launchers.launcher import Command
from disentanglement.experiments.launchers.slurm import Slurm
from disentanglement.experiments.launchers.slurm_notes import Notes
from disentanglement.experiments.launchers.slurm_queue import JobState, NoAnswer
from tests.launchers import Processes, Reporter, config, fake, slurm

# submitit starts processes and never waits for them.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


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

    monkeypatch.setattr(slurm_module, "executor_for", refuse)
    with pytest.raises(UserError, match=message):
        slurm(tmp_path, queue).run([script("run", "")], Reporter())
    assert ended == ["12"]
    assert not list((tmp_path / "results" / ".slurm").glob("submission-*"))


def test_ctrl_c_waits_until_jobs_are_submitted_and_noted(tmp_path, script, monkeypatch):
    queue, submit = Processes(), slurm_module.executor_for

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return submit(*arguments)

    monkeypatch.setattr(slurm_module, "executor_for", interrupted)
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
