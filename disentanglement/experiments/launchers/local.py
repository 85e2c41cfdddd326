"""The launcher of this machine: its GPUs, or commands one after another on the CPU."""

import contextlib
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gpu_task_scheduler import GPUTaskScheduler

from disentanglement.errors import from_os_error, os_errors_in_one_line
from disentanglement.experiments import gpus
from disentanglement.experiments.launchers.launcher import Command, EndsWithMain, Reporter
from disentanglement.experiments.launchers.processes import Processes, was_stopped
from disentanglement.scheduler_config import SchedulerConfig


class Local(EndsWithMain):
    """Runs commands on this machine's GPUs, or one after another on its CPU.

    Args:
        config: Which GPUs to use, and how many commands share one.
        folder: The experiment's folder, which the scheduler's log belongs to.

    Raises:
        UserError: There are GPUs, but none that may be used.
    """

    def __init__(self, config: SchedulerConfig, folder: Path):
        self._gpus = gpus.usable(config)
        self._share = config.max_tasks_per_gpu
        self._log = folder / config.scheduler_log_file_path
        self.where = gpus.where(self._gpus)

    def run(self, commands: list[Command], reporter: Reporter) -> None:
        """Run commands and wait for them; see `Launcher.run`."""
        if self._gpus:
            run_on_gpus(commands, self._gpus, self._share, self._log, reporter)
        else:
            run_in_turn(commands, reporter)


def run_in_turn(commands: list[Command], reporter: Reporter) -> None:
    """Run commands one after another in this terminal.

    Raises:
        KeyboardInterrupt: After a signal to stop (see `Processes`). The running command has ended
            by then; the rest have not been started.
    """
    with Processes(reporter) as processes, ThreadPoolExecutor(1) as thread:
        for command in commands:
            status = thread.submit(processes.run, command, "this CPU").result()
            if processes.requests or was_stopped(status):
                raise KeyboardInterrupt


def run_on_gpus(
    commands: list[Command],
    indices: list[str],
    tasks_per_gpu: int,
    log: Path,
    reporter: Reporter,
    wait_interval: float = 5,
) -> None:
    """Run commands on GPUs and wait for all of them.

    Args:
        commands: The commands; their lines must differ.
        indices: The GPUs to use.
        tasks_per_gpu: How many commands may share a GPU.
        log: The file that the scheduler's own messages are appended to.
        reporter: Receives the events.
        wait_interval: Seconds between checks for a free GPU.

    Raises:
        KeyboardInterrupt: After a signal to stop, once the running commands have ended.
    """
    with os_errors_in_one_line(log):
        messages = log.open("a", buffering=1)
    with messages, contextlib.redirect_stdout(messages), Processes(reporter) as processes:
        scheduler = _Scheduler(commands, indices, tasks_per_gpu, processes, wait_interval)
        try:
            scheduler.run_tasks([command.line for command in commands])
        finally:
            for thread in scheduler.threads:
                thread.join()
    if processes.requests or scheduler.stopped:
        raise KeyboardInterrupt


class _Scheduler(GPUTaskScheduler):
    """gpu-task-scheduler 0.4 with five fixes.

    On its own it counts a task only once its thread runs (so two can land on one GPU), prints
    failures and forgets them, returns before the last tasks end, fails if nvidia-smi fails once,
    and knows no request to stop.
    """

    def __init__(self, commands, indices, tasks_per_gpu, processes, wait_interval):
        # Tasks on one GPU share its memory: start one when its share is free.
        share = gpus.memory_share(tasks_per_gpu)
        super().__init__(wait_interval, [int(i) for i in indices], tasks_per_gpu, share)
        self.commands = {command.line: command for command in commands}
        self.processes, self.reporter = processes, processes.reporter
        self.stopped, self.waiting = False, False
        self.threads: list[threading.Thread] = []

    def run_tasks(self, tasks):
        for task in tasks:
            while (gpu := self.get_available_gpu()) is None:
                print("No available GPU or max task limit reached. Waiting...")
                self._wait()
                if self.processes.requests:
                    return
            if self.processes.requests:
                return
            print(f"Found available GPU: {gpu} for task: {task}")
            self.execute_task_on_gpu(gpu, task)

    def _wait(self):
        # In short naps, because a signal does not interrupt a sleep.
        end = time.monotonic() + self.wait_interval
        while time.monotonic() < end and not self.processes.requests:
            time.sleep(0.2)

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
        status = 1
        try:
            command.log.parent.mkdir(parents=True, exist_ok=True)
            with command.log.open("a") as log:
                status = self.processes.run(
                    command,
                    f"GPU {gpu_id}",
                    env=gpus.environment(str(gpu_id), self.max_tasks_per_gpu),
                    stdout=subprocess.DEVNULL,  # the run writes its messages to the log itself
                    stderr=log,
                )
        except OSError as error:
            self.reporter.note(str(from_os_error(error, command.log)))
            self.reporter.ended(command, status, stopped=False)
        finally:
            with self.lock:
                self.gpu_task_counts[gpu_id] -= 1
        self.stopped |= was_stopped(status)
