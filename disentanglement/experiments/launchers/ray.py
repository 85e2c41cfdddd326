"""The launcher for Ray: a task for each command, which starts it as a process on its node."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from disentanglement import console
from disentanglement.errors import UserError
from disentanglement.experiments import gpus
from disentanglement.experiments.launchers.launcher import (
    Command,
    EndsWithMain,
    Reporter,
    check_installed,
)
from disentanglement.scheduler_config import SchedulerConfig
from disentanglement.training import activity

_SECONDS = 10.0  # between two looks at the tasks
_VARIABLES = ("KERAS_", "TF_", "JAX_", "XLA_", "OMP_", "OPENBLAS_", "LOKY_", "NPROC", "PYTHON")
_CONNECTING = 10  # seconds
_SAVING = 120  # seconds that runs have to save after Ctrl-C


class Ray(EndsWithMain):
    """Runs commands as tasks of a Ray cluster; they end with the main script.

    Args:
        config: The cluster's address, and what each command may use.
        seconds: Seconds between two looks at the tasks.

    Raises:
        UserError: Ray is not installed, or a key is wrong.
    """

    def __init__(self, config: SchedulerConfig, seconds: float = _SECONDS):
        check_installed("ray", "ray")
        if (share := config.ray_gpus or 0) > 1 and share != int(share):
            raise UserError(f"ray_gpus={share:g}: above 1, Ray allows only whole numbers of GPUs")
        self._config, self._seconds = config, seconds
        self.where = f"Ray ({config.ray_address})"

    def run(self, commands: list[Command], reporter: Reporter) -> None:
        """Run commands and wait for them; see `Launcher.run`."""
        with _connected(self._config.ray_address) as ray, _interrupted_by_sigterm():
            _Tasks(ray, self._config, self._seconds, reporter).run(commands)


class _Tasks:
    """The tasks of a grid while they run."""

    def __init__(self, ray: Any, config: SchedulerConfig, seconds: float, reporter: Reporter):
        self._ray, self._config, self._seconds, self._reporter = ray, config, seconds, reporter
        share = config.ray_gpus
        if share is None:
            has_gpus = ray.cluster_resources().get("GPU", 0) > 0
            share = 1 / config.max_tasks_per_gpu if has_gpus else 0
        self._check_fits(config.ray_cpus, share)
        # Ray cannot retry lost nodes without limit and failures a few times, so we do both.
        self._task = ray.remote(num_cpus=config.ray_cpus, num_gpus=share, max_retries=0)(_task())
        self._variables = _passed_on() | (gpus.memory_limit(1 / share) if 0 < share < 1 else {})
        self._left: dict[Any, Command] = {}
        self._sizes: dict[Command, int] = {}  # of logs when their tasks were submitted
        self._failures: dict[Command, int] = {}
        self._repeated: set[Command] = set()

    def _check_fits(self, cpus, share):
        """Raise UserError if no node is large enough for a task, which would wait for ever."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if not any(n.get("CPU", 0) >= cpus and n.get("GPU", 0) >= share for n in nodes):
            largest = max((n.get("CPU", 0) for n in nodes), default=0)
            raise UserError(
                f"no node of the Ray cluster has {cpus:g} CPUs and {share:g} GPUs (the largest has "
                f"{largest:g} CPUs): lower ray_cpus or ray_gpus, or add nodes"
            )

    def run(self, commands: list[Command]) -> None:
        """Run commands and wait for them."""
        try:
            for command in commands:
                self._submit(command)
            while self._left:
                done, _ = self._ray.wait(list(self._left), timeout=self._seconds)
                self._report_started(self._left.values())
                for task in done:
                    self._end(task, self._left.pop(task))
                self._reporter.progress(dict.fromkeys(self._sizes, "waiting for a free node"))
        except KeyboardInterrupt:
            self._stop()
            raise

    def _submit(self, command):
        self._sizes[command] = _size(command.log)
        task = self._task.remote(list(command.words), str(command.log), self._variables)
        self._left[task] = command

    def _report_started(self, commands):
        """Report commands whose process has begun to write its log."""
        for command in list(commands):
            if command in self._sizes and _size(command.log) != self._sizes[command]:
                del self._sizes[command]
                self._reporter.started(command, self._where(command))

    def _where(self, command):
        found = activity.current(command.log.parent) or {}
        return f"Ray node {found['host']}" if "host" in found else "Ray"

    def _end(self, task, command):
        """Report the end of a task, or submit it again."""
        from ray import exceptions

        name = f"run {' and '.join(command.runs)}"
        self._sizes.pop(command, None)
        try:
            status, how = self._ray.get(task), None
        except (exceptions.NodeDiedError, exceptions.ObjectLostError):
            self._reporter.note(f"{name}: its node is lost; it is started again on another")
            self._repeated.add(command)
            self._submit(command)
            return
        except exceptions.RayTaskError as error:
            status, how = console.FAILED, str(error.cause)
        except exceptions.RayError as error:  # e.g. the worker has died, or the node had no memory
            lines = str(error).strip().splitlines()
            status, how = console.FAILED, f"was lost by Ray: {lines[0]}"
        if status == console.IN_USE and command in self._repeated:
            self._submit(command)  # the process that was lost still saves
            return
        stopped = status == console.STOPPED
        again = self._failures.get(command, 0) < self._config.ray_retries
        if status not in (0, console.MISTAKE, console.IN_USE, console.STOPPED) and again:
            self._failures[command] = self._failures.get(command, 0) + 1
            self._reporter.note(f"{name} {how or f'failed (exit status {status})'}: trying again")
            self._repeated.add(command)
            self._submit(command)
            return
        self._reporter.ended(command, status, stopped, how)

    def _stop(self):
        """Let running commands save, and wait for them."""
        self._reporter.stopping(list(self._left.values()), at_once=False)
        for task in self._left:
            self._ray.cancel(task)  # KeyboardInterrupt in those that run
        # Ray counts a task as ended as soon as it is cancelled, while its process still saves.
        folders, end = [c.log.parent for c in self._left.values()], time.monotonic() + _SAVING
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C: do not wait
            while time.monotonic() < end and any(map(activity.is_in_use, folders)):
                time.sleep(0.2)
        for command in self._left.values():
            self._reporter.ended(command, console.STOPPED, stopped=True)


def _passed_on() -> dict[str, str]:
    """Return the variables that a task shares with this process; its worker is another's child."""
    return {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)}


def _task() -> Callable[[list[str], str, dict[str, str]], int]:
    """Return the function that runs on a node.

    It is defined here so that it travels by value: the node's Ray workers need not be able to
    import this package, only to start the command, which names its interpreter.
    """

    def task(words: list[str], log: str, variables: dict[str, str]) -> int:
        import os
        import pathlib
        import signal
        import socket
        import subprocess
        import time

        for path in (words[0], words[1]):
            if not pathlib.Path(path).exists():
                raise FileNotFoundError(
                    f"{path} does not exist on node {socket.gethostname()}: the project's folder "
                    "must be shared by all nodes, at the same path"
                )
        pathlib.Path(log).parent.mkdir(parents=True, exist_ok=True)
        # The process stops when this one ends (see experiments/parent.py).
        environment = {**os.environ, **variables, "DISENTANGLEMENT_PARENT": str(os.getpid())}
        with pathlib.Path(log).open("a") as errors:
            process = subprocess.Popen(
                words,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
        try:
            while process.poll() is None:  # the interrupt would not end a wait
                time.sleep(0.2)
        except KeyboardInterrupt:  # the task is cancelled
            process.send_signal(
                signal.SIGTERM
            )  # Ray's workers, and so their children, block SIGINT
        return process.wait()

    return task


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Connect to a cluster, and yield the module."""
    import ray

    # Ray would send this process's working directory and print what workers write.
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        options["include_dashboard"] = False
    try:
        _check_answers(address)
        ray.init(address=address, **options)
    except (ConnectionError, ValueError, OSError, RuntimeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"no Ray cluster at ray_address '{address}' ({lines[0]}): start one with `ray start "
            "--head`, or use --set ray_address=local"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT, which Ray itself would try for minutes."""
    if address.startswith("ray://") and address.count(":") == 1:
        address += ":10001"  # as Ray does
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECTING).close()


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl-C."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
