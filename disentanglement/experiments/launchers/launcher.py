"""What every launcher has in common: it takes commands, and reports what becomes of them."""

import importlib.util
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from disentanglement.errors import UserError


@dataclass(frozen=True)
class Command:
    """The command that does a job for one run, or for several runs at once.

    Attributes:
        words: The command line.
        log: The file that takes its stderr while it has no terminal of its own.
        runs: The names of the runs' folders.
    """

    words: tuple[str, ...]
    log: Path
    runs: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The command line for a shell."""
        return shlex.join(self.words)


class Reporter(Protocol):
    """Receives events for each command; methods may be called from several threads."""

    def started(self, command: Command, where: str) -> None: ...

    def ended(self, command: Command, status: int, stopped: bool, how: str | None = None) -> None:
        """Say that a command has ended, and how if its status does not tell."""

    def progress(self, waiting: Mapping[Command, str]) -> None:
        """Show how far all commands are; for those that have not started, what is known."""

    def stopping(self, running: Sequence[Command], at_once: bool) -> None:
        """Say that `running` have been asked to stop; called from a signal handler."""

    def note(self, line: str) -> None: ...


class Launcher(Protocol):
    """A place where commands can run.

    Attributes:
        where: The place, for a message: "train on <where>".
        threads: How many CPU threads a command may use; None: one per core.
        after_stop: What to tell the user after Ctrl-C.
    """

    where: str
    threads: int | None
    after_stop: str

    def underway(self) -> Mapping[str, tuple[str, ...]]:
        """Return the runs that earlier calls have handed over and that have not ended.

        Returns:
            Name of a run's folder -> the names of all runs that its command does together.
        """

    def waiting(self) -> Mapping[str, str]:
        """Return those that have not started, for the table of states: name -> what is known."""

    def run(self, commands: list[Command], reporter: Reporter) -> None:
        """Run commands and wait for them; those that are underway are only waited for.

        Raises:
            KeyboardInterrupt: After Ctrl-C or SIGTERM.
            UserError: For anything the user can fix.
        """

    def cancel(self, runs: Sequence[str]) -> list[str]:
        """End what is underway for any of these runs; return lines that say what has been ended."""


class EndsWithMain:
    """What launchers share whose commands end with the main script that has started them."""

    threads: int | None = None
    after_stop = "stopped; run the same command again to resume"

    def underway(self) -> dict[str, tuple[str, ...]]:
        """Return {}: no command outlives its main script."""
        return {}

    def waiting(self) -> dict[str, str]:
        """Return {}, likewise."""
        return {}

    def cancel(self, runs: Sequence[str]) -> list[str]:
        """Raise UserError: there is nothing that goes on without its main script."""
        raise UserError("--cancel is for jobs on Slurm: press Ctrl-C where the runs were started")


def check_installed(library: str, extra: str) -> None:
    """Raise UserError, with what to type, unless `library` can be imported."""
    if importlib.util.find_spec(library) is None:
        raise UserError(
            f"--launcher {extra} needs {library}, which is not installed: "
            f"pip install 'disentanglement[{extra}]' (from a checkout: "
            f".venv/bin/pip install -e '.[{extra}]')"
        )
