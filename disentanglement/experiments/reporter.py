"""Tells the user of a main script what happens to each run, and remembers how it ended."""

import contextlib
import os
import sys
from collections.abc import Sequence

from disentanglement import console
from disentanglement.experiments.processes import Command
from disentanglement.experiments.queues import Queue
from disentanglement.experiments.runs import RunFolder
from disentanglement.wording import counted

_LOG_LINES = 5  # of worker.log, shown when a run fails


class GridReporter:
    """Prints what happens to each run on the terminal that started the command.

    Args:
        runs: The runs of each command.
        queue: Where the runs wait.

    Attributes:
        failed: Runs whose command failed, and how.
        stopped: Runs whose command was stopped.
    """

    def __init__(self, runs: dict[Command, list[RunFolder]], queue: Queue):
        # While the GPU scheduler runs, sys.stdout is its log; these lines go to the terminal.
        self.runs, self.queue, self.out = runs, queue, sys.stdout
        self.failed: dict[RunFolder, str] = {}
        self._log_ends: dict[Command, int] = {}  # the size of its log when a command started
        self.stopped: list[RunFolder] = []

    def started(self, command: Command, where: str) -> None:
        self.queue.start([run.task.name for run in self.runs[command]])
        self._log_ends[command] = command.log.stat().st_size if command.log.exists() else 0
        print(f"{self._name(command)} starts on {where}", file=self.out, flush=True)

    def note(self, line: str) -> None:
        print(line, file=self.out, flush=True)

    def stopping(self, running: Sequence[Command], at_once: bool) -> None:
        self.queue.clear()
        line = "stopping"
        if running:
            runs = [run for command in running for run in self.runs[command]]
            line += f": waiting for {counted(len(runs), 'run')} to save"
            line += " (press Ctrl-C again to stop at once)"
        if at_once:
            line = "stopping at once"
        # Not print: the signal may have arrived in the middle of one.
        with contextlib.suppress(OSError):  # the terminal may have been closed
            os.write(2, f"\n{line}\n".encode())

    def ended(self, command: Command, status: int, stopped: bool) -> None:
        if stopped:
            self.stopped += self.runs[command]
        if status == console.IN_USE:
            self.note(f"{self._name(command)}: another process has started it in the meantime")
        elif status != 0 and not stopped:
            how = f"failed (exit status {status})"
            how = f"was killed by signal {-status}" if status < 0 else how
            self.failed |= dict.fromkeys(self.runs[command], how)
            self._show_failure(command, how)

    def _show_failure(self, command: Command, how: str) -> None:
        print(f"{self._name(command)} {how}; last lines of {command.log}:", file=self.out)
        text = b""
        if command.log.exists():  # of this session; the log may hold earlier ones
            text = command.log.read_bytes()[self._log_ends.get(command, 0) :]
        lines = text.decode(errors="replace").splitlines()[-_LOG_LINES:]
        for line in lines or ["(nothing was written: see the messages above)"]:
            print(f"    {line}", file=self.out, flush=True)

    def _name(self, command: Command) -> str:
        return f"run {' and '.join(run.task.name for run in self.runs[command])}"
