"""Runs a list of shell commands on the GPUs that nvidia-smi lists, or one after another."""

import contextlib
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gpu_task_scheduler import GPUTaskScheduler

from disentanglement import console
from disentanglement.config import SchedulerConfig
from disentanglement.errors import UserError, from_os_error, os_errors_in_one_line


def was_stopped(status: int) -> bool:
    """Whether this is the exit status of a command stopped by Ctrl-C."""
    return status in (console.STOPPED, -signal.SIGINT)


@dataclass(frozen=True)
class Command:
    """A shell command.

    Attributes:
        line: The command line.
        log: The file that takes its stderr while it shares the terminal with others, on GPUs.
    """

    line: str
    log: Path


class Reporter(Protocol):
    """Receives events for each command; on GPUs, methods are called from several threads."""

    def started(self, command: Command, where: str) -> None: ...

    def ended(self, command: Command, status: int) -> None: ...

    def note(self, line: str) -> None: ...


def visible_gpus() -> list[str]:
    """Return the ids of this machine's NVIDIA GPUs; [] without a working nvidia-smi."""
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        result = subprocess.run(query, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return result.stdout.split() if result.returncode == 0 else []


def usable_gpus(config: SchedulerConfig) -> list[str]:
    """Return the visible GPUs that the config allows; [] if none are visible.

    Raises:
        UserError: There are GPUs, but the config allows none of them.
    """
    visible = visible_gpus()
    usable = [gpu for gpu in visible if gpu in config.gpu]
    if visible and not usable:
        raise UserError(
            f"scheduler_config: 'gpu' allows {config.gpu}, but this machine has {visible}: change "
            f"it, e.g. --set gpu={','.join(visible)}"
        )
    return usable


def run_in_turn(commands: list[Command], reporter: Reporter) -> None:
    """Run commands one after another in this terminal.

    Raises:
        KeyboardInterrupt: After Ctrl-C, which the running command receives too. It has ended by
            then; the rest have not been started.
    """
    for command in commands:
        reporter.started(command, "this CPU")
        # exec: with any shell, the exit status is then the command's own.
        status, interrupted = _wait(subprocess.Popen(f"exec {command.line}", shell=True))
        reporter.ended(command, status)
        if interrupted or was_stopped(status):
            raise KeyboardInterrupt


def run_on_gpus(
    commands: list[Command],
    gpus: list[str],
    tasks_per_gpu: int,
    log: Path,
    reporter: Reporter,
    wait_interval: float = 5,
) -> None:
    """Run commands on GPUs and wait for all of them.

    Args:
        commands: The commands; their lines must differ.
        gpus: The ids of the GPUs to use.
        tasks_per_gpu: How many commands may share a GPU.
        log: The file that the scheduler's own messages are appended to.
        reporter: Receives the events.
        wait_interval: Seconds between checks for a free GPU.

    Raises:
        KeyboardInterrupt: After Ctrl-C, once the running commands have ended.
    """
    scheduler = _Scheduler(commands, gpus, tasks_per_gpu, reporter, wait_interval)
    with os_errors_in_one_line(log):
        messages = log.open("a", buffering=1)
    with messages, contextlib.redirect_stdout(messages):
        try:
            scheduler.run_tasks([command.line for command in commands])
        finally:
            for thread in scheduler.threads:
                thread.join()
    if scheduler.stopped:
        raise KeyboardInterrupt


class _Scheduler(GPUTaskScheduler):
    """gpu-task-scheduler 0.4 with four fixes.

    On its own it counts a task only once its thread runs (so two can land on one GPU), prints
    failures and forgets them, returns before the last tasks end, and fails if nvidia-smi fails
    once.
    """

    def __init__(self, commands, gpus, tasks_per_gpu, reporter, wait_interval):
        # Tasks on one GPU share its memory: start one when its share of 80 % is free.
        super().__init__(
            wait_interval, [int(gpu) for gpu in gpus], tasks_per_gpu, 0.8 / tasks_per_gpu
        )
        self.commands = {command.line: command for command in commands}
        self.reporter, self.stopped, self.waiting = reporter, False, False
        self.threads: list[threading.Thread] = []

    def execute_task_on_gpu(self, gpu_id, command):
        with self.lock:
            self.gpu_task_counts[gpu_id] += 1
        thread = threading.Thread(target=self._run, args=(gpu_id, self.commands[command]))
        self.threads.append(thread)
        thread.start()

    def get_available_gpu(self):
        gpu = None
        try:
            gpu = super().get_available_gpu()
        except (OSError, ValueError) as error:
            print(f"nvidia-smi: {error}")
        if gpu is None and not self.threads and not self.waiting:
            self.waiting = True
            self.reporter.note(
                f"waiting: no allowed GPU has {self.min_memory:.0%} of its memory free (see "
                "nvidia-smi)"
            )
        return gpu

    def _run(self, gpu_id, command):
        # nvidia-smi numbers GPUs by bus; by default, CUDA puts the fastest first.
        environment = os.environ | {
            "CUDA_VISIBLE_DEVICES": str(gpu_id),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        }
        status = 1
        self.reporter.started(command, f"GPU {gpu_id}")
        try:
            command.log.parent.mkdir(parents=True, exist_ok=True)
            with command.log.open("a") as log:
                process = subprocess.Popen(
                    f"exec {command.line}",
                    shell=True,
                    env=environment,
                    stdout=subprocess.DEVNULL,  # the run writes its messages to the log itself
                    stderr=log,
                )
                status = process.wait()
        except OSError as error:
            self.reporter.note(str(from_os_error(error, command.log)))
        finally:
            with self.lock:
                self.gpu_task_counts[gpu_id] -= 1
        self.stopped |= was_stopped(status)
        self.reporter.ended(command, status)


def _wait(process):
    """Return the exit status, and whether Ctrl-C was pressed; the process decides when to end."""
    interrupted = False
    while True:
        try:
            return process.wait(), interrupted
        except KeyboardInterrupt:
            interrupted = True
