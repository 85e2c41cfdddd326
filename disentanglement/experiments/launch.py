"""Run a list of shell commands: on the GPUs that nvidia-smi shows, or one after another."""

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
    """Whether a command with this exit status ended by Ctrl-C, not by a failure."""
    return status in (console.STOPPED, -signal.SIGINT)


@dataclass(frozen=True)
class Command:
    """A shell command. log: the file that takes its errors where it has no terminal to itself."""

    line: str
    log: Path


class Report(Protocol):
    """Hears of every command; from several threads at once where there are GPUs."""

    def started(self, command: Command, where: str) -> None: ...

    def ended(self, command: Command, status: int) -> None: ...

    def note(self, line: str) -> None: ...


def visible_gpus() -> list[str]:
    """The ids of the NVIDIA GPUs of this machine; none where there is no working nvidia-smi."""
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        result = subprocess.run(query, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return result.stdout.split() if result.returncode == 0 else []


def usable_gpus(config: SchedulerConfig) -> list[str]:
    """The visible GPUs that the config allows. Raises UserError if it allows none of them."""
    visible = visible_gpus()
    usable = [gpu for gpu in visible if gpu in config.gpu]
    if visible and not usable:
        raise UserError(
            f"scheduler_config: 'gpu' allows {config.gpu}, but this machine has {visible}: change "
            f"it, e.g. --set gpu={','.join(visible)}"
        )
    return usable


def run_in_turn(commands: list[Command], report: Report) -> None:
    """Run commands one after another in this terminal.

    After Ctrl-C, which the running command has received too, it is waited for and the rest are
    left out: KeyboardInterrupt.
    """
    for command in commands:
        report.started(command, "this CPU")
        # exec: the exit status is then the command's own, whichever shell this is.
        status, interrupted = _wait(subprocess.Popen(f"exec {command.line}", shell=True))
        report.ended(command, status)
        if interrupted or was_stopped(status):
            raise KeyboardInterrupt


def run_on_gpus(
    commands: list[Command],
    gpus: list[str],
    tasks_per_gpu: int,
    log: Path,
    report: Report,
    wait_interval: float = 5,
) -> None:
    """Run commands on GPUs, at most tasks_per_gpu at a time on each; wait for all.

    The scheduler's own messages go to the file `log`. Ctrl-C as in `run_in_turn`.
    """
    scheduler = _Scheduler(commands, gpus, tasks_per_gpu, report, wait_interval)
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
    """gpu-task-scheduler 0.4, mended in four places.

    It would count a task only once its thread runs (so two can land on one GPU), print failures
    and forget them, return before the last tasks end, and die with an nvidia-smi that fails once.
    """

    def __init__(self, commands, gpus, tasks_per_gpu, report, wait_interval):
        # Tasks that share a GPU share its memory: require a share of 80 % to be free.
        super().__init__(
            wait_interval, [int(gpu) for gpu in gpus], tasks_per_gpu, 0.8 / tasks_per_gpu
        )
        self.commands = {command.line: command for command in commands}
        self.report, self.threads, self.stopped, self.waiting = report, [], False, False

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
            self.report.note(
                f"waiting: no allowed GPU has {self.min_memory:.0%} of its memory free (see "
                "nvidia-smi)"
            )
        return gpu

    def _run(self, gpu_id, command):
        # nvidia-smi numbers GPUs by their bus; CUDA would put the fastest first.
        environment = os.environ | {
            "CUDA_VISIBLE_DEVICES": str(gpu_id),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        }
        status = 1
        self.report.started(command, f"GPU {gpu_id}")
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
            self.report.note(str(from_os_error(error, command.log)))
        finally:
            with self.lock:
                self.gpu_task_counts[gpu_id] -= 1
        self.stopped |= was_stopped(status)
        self.report.ended(command, status)


def _wait(process):
    """(exit status, whether Ctrl-C was pressed): the process hears Ctrl-C too, and decides."""
    interrupted = False
    while True:
        try:
            return process.wait(), interrupted
        except KeyboardInterrupt:
            interrupted = True
