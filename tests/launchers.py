"""Stand-ins for what launchers work with: a reporter, Slurm's queue, and Slurm's programs."""

import os
import signal
import sys
from pathlib import Path

import pytest

from disentanglement.config import parse
from disentanglement.experiments.launchers.launcher import Command
from disentanglement.experiments.launchers.slurm import Slurm
from disentanglement.experiments.launchers.slurm_queue import GONE, JobState, SlurmQueue
from disentanglement.scheduler_config import SchedulerConfig


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


def fake(tmp_path, monkeypatch, name, body):
    program = tmp_path / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
