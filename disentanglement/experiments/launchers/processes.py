"""Starts tasks as processes, and passes on to them the signals that ask this process to stop."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from types import FrameType
from typing import Any

from disentanglement import console
from disentanglement.experiments import parent
from disentanglement.experiments.launchers.launcher import Command, Reporter
from disentanglement.training.signals import SAME


class Processes:
    """Runs commands; while it is open as a context, this process outlives the signals to stop.

    Each process gets a session of its own. Otherwise Ctrl-C on a terminal would reach it twice,
    directly and through us, and the second signal means "stop at once, without saving".

    Attributes:
        requests: The signals that have asked this process to stop.
    """

    def __init__(self, reporter: Reporter):
        self.reporter = reporter
        self.requests: list[int] = []
        self._first = 0.0  # when the first of them came
        self._running: dict[Command, subprocess.Popen] = {}
        self._lock = threading.RLock()  # a signal may interrupt the handler of another

    def __enter__(self) -> "Processes":
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        # What is ignored stays ignored: SIGHUP under nohup.
        self._previous = {
            number: signal.signal(number, self._stop)
            for number in numbers
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def run(self, command: Command, where: str, **options: Any) -> int:
        """Run a command, unless this process has been asked to stop, and return its exit status.

        Not to be called in the main thread, where the signal handler would wait for itself.

        Args:
            command: The command.
            where: Where it runs, for the reporter.
            **options: For subprocess.Popen.
        """
        if self.requests:
            return console.STOPPED
        self.reporter.started(command, where)
        with self._lock:  # a signal comes before the start, or finds the process in the list
            if self.requests:
                return console.STOPPED
            # exec: with any shell, the process and its exit status are the command's own.
            process = subprocess.Popen(
                f"exec {command.line}",
                shell=True,
                start_new_session=True,
                **options | {"env": parent.announced_in(options.get("env", os.environ))},
            )
            self._running[command] = process
        status = process.wait()
        with self._lock:
            del self._running[command]
        if status:
            with contextlib.suppress(OSError):  # usually there are no such processes
                os.killpg(process.pid, signal.SIGTERM)  # its own workers, now without a master
        self.reporter.ended(command, status, was_stopped(status, asked=bool(self.requests)))
        return status

    def _stop(self, number: int, frame: FrameType | None) -> None:
        with self._lock:
            now = time.monotonic()
            if self.requests and now - self._first < SAME:  # as the runs see it
                return
            self._first = self._first or now
            self.requests.append(number)
            running = dict(self._running)
            self.reporter.stopping(list(running), at_once=len(self.requests) > 1)
            for process in running.values():
                # Tasks do not handle SIGHUP.
                process.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)


def was_stopped(status: int, asked: bool = False) -> bool:
    """Return whether this is the exit status of a stopped command.

    Args:
        status: The exit status; -N after signal N.
        asked: Whether we passed a signal on to it; a task that is not training ends by it.
    """
    by_us = (-signal.SIGTERM, 128 + signal.SIGTERM)
    return status in (console.STOPPED, -signal.SIGINT) or (asked and status in by_us)
