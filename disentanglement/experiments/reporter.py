"""Tells the user of a main script what happens to each run, and remembers how it ended."""

import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from disentanglement import console
from disentanglement.experiments import states, status
from disentanglement.experiments.jobs import Job
from disentanglement.experiments.launchers.launcher import Command
from disentanglement.experiments.queues import Queue
from disentanglement.experiments.runs import RunFolder
from disentanglement.wording import counted

_LOG_LINES = 5  # of worker.log, shown when a run fails
_MINUTES = 10  # between two lines on the progress in a file


class GridReporter:
    """Prints what happens to each run on the terminal that started the command.

    Args:
        runs: The runs of each command.
        queue: Where the runs wait.
        job: What is done with them.

    Attributes:
        failed: Runs whose command failed, and how.
        stopped: Runs whose command was stopped.
    """

    def __init__(self, runs: dict[Command, list[RunFolder]], queue: Queue, job: Job):
        # While the GPU scheduler runs, sys.stdout is its log; these lines go to the terminal.
        self.runs, self.queue, self.job, self.out = runs, queue, job, sys.stdout
        self.failed: dict[RunFolder, str] = {}
        # The sizes of the logs before anything starts.
        self._log_ends = {c: c.log.stat().st_size if c.log.exists() else 0 for c in runs}
        self.stopped: list[RunFolder] = []
        self._done = 0
        self._table: Live | None = None  # on a terminal, below the lines
        self._shown = time.monotonic()

    def __enter__(self) -> "GridReporter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._table:
            self._table.stop()
            self._table = None

    def started(self, command: Command, where: str) -> None:
        self.queue.start([run.task.name for run in self.runs[command]])
        self.note(f"{self._name(command)} starts on {where}")

    def note(self, line: str) -> None:
        if self._table:
            self._table.console.print(Text(line))
        else:
            print(line, file=self.out, flush=True)

    def progress(self, waiting: Mapping[Command, str]) -> None:
        left = len(self.runs) - self._done - len(waiting)
        counts = f"{left} running, {len(waiting)} waiting, {self._done} ended"
        if self.out.isatty():
            if not self._table:
                self._table = Live(console=Console(file=self.out), auto_refresh=False)
                self._table.start()
            self._table.update(Group(self._running(waiting), Text(counts)), refresh=True)
        elif time.monotonic() - self._shown > 60 * _MINUTES:
            self._shown = time.monotonic()
            self.note(counts)

    def _running(self, waiting):
        """Return a table of the runs that somebody works on, or that waits for a reason."""
        runs = [run for group in self.runs.values() for run in group]
        names, _ = status.short_names([run.task.name for run in runs])
        table = Table("run", "state", "batches", "", box=box.SIMPLE)
        for run, name in zip(runs, names, strict=True):
            state = self.job.state(run)
            if state.name == states.RUNNING:
                batches = f"{state.batches:,} of {state.total:,}"
                table.add_row(Text(name), state.name, batches, Text(state.note()))
        reasons = sorted(set(waiting.values()))
        for reason in reasons[:3]:
            table.add_row("", "", "", Text(reason))
        return table

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

    def ended(self, command: Command, status: int, stopped: bool, how: str | None = None) -> None:
        self._done += 1
        if stopped:
            self.stopped += self.runs[command]
        if status == console.IN_USE:
            self.note(f"{self._name(command)}: another process has started it in the meantime")
        elif status != 0 and not stopped:
            if how is None:
                killed = f"was killed by signal {-status}"
                how = killed if status < 0 else f"failed (exit status {status})"
            self.failed |= dict.fromkeys(self.runs[command], how)
            self._show_failure(command, how)

    def _show_failure(self, command: Command, how: str) -> None:
        self.note(f"{self._name(command)} {how}; last lines of {command.log}:")
        text = b""
        if command.log.exists():  # of this session; the log may hold earlier ones
            text = command.log.read_bytes()[self._log_ends.get(command, 0) :]
        lines = text.decode(errors="replace").splitlines()[-_LOG_LINES:]
        for line in lines or ["(nothing was written: see the messages above)"]:
            self.note(f"    {line}")

    def _name(self, command: Command) -> str:
        return f"run {' and '.join(run.task.name for run in self.runs[command])}"
