"""What the checks on Slurm and on Ray share: a grid of small runs, and a load of short tasks."""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests import commands
from tests.compared import SIZE
from tests.experiments import ROOT, short_bars_experiment
from tests.runs import assert_same_result

LENGTH = ("--set", "epoch=12")  # 192 batches: a quarter of a minute and more


class Main:
    """A main.py, its output, and the peak of its memory.

    Args:
        experiment: The experiment's folder.
        *arguments: Its command line.
        script: The main script.
        **environment: Further variables.
    """

    def __init__(
        self, experiment: Path, *arguments: str, script: str = "main.py", **environment: str
    ):
        self.out = tempfile.TemporaryFile("w+")  # noqa: SIM115  (it lives as long as we do)
        self.start, self.peak = time.monotonic(), 0
        self.process = subprocess.Popen(
            [sys.executable, script, *arguments],
            cwd=experiment,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
            stdout=self.out,
            stderr=subprocess.STDOUT,
        )

    def text(self) -> str:
        self.out.seek(0)
        return self.out.read()

    def wait_for(self, pattern: str, seconds: float = 300) -> re.Match:
        """Wait until the output matches, and return the match."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text())):
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < end, self.text()
            time.sleep(0.2)
        return found

    def end(self, status: int = 0, seconds: float = 1500) -> str:
        """Wait for the end, check the exit status and return the output."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, self.text()
            self._measure()
            time.sleep(0.2)
        self.seconds = time.monotonic() - self.start
        assert self.process.returncode == status, (self.process.returncode, self.text())
        return self.text()

    def _measure(self) -> None:
        try:
            text = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"VmHWM:\s+(\d+) kB", text):
            self.peak = max(self.peak, int(found[1]) // 1024)


def chosen(description: str, *checks: Callable) -> tuple[int, list[Callable]]:
    """Read the command line; return the number of short tasks, and the checks to run."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=200, help="short tasks of the load, or 0")
    names = [check.__name__ for check in checks]
    parser.add_argument("--only", nargs="*", choices=names, default=names, help="checks to run")
    options = parser.parse_args()
    # A shell ignores SIGINT in what it starts in the background, and so would every main.py.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return options.tasks, [check for check in checks if check.__name__ in options.only]


def training(experiment: Path, run: int = 3) -> None:
    """Wait until a run has saved its first checkpoint."""
    end = time.monotonic() + 300
    while not (experiment / f"results/run-{run},/checkpoint/model.npz").exists():
        assert time.monotonic() < end, "no run has started"
        time.sleep(0.2)


def fresh(experiment: Path) -> None:
    """Remove all results."""
    shutil.rmtree(experiment / "results", ignore_errors=True)


def grid(folder: Path, *arguments: str) -> tuple[Path, Path]:
    """Return an experiment with two tiny runs, and the results of training them on this machine."""
    local = short_bars_experiment(folder / "local" / "Bars")
    Main(local, *LENGTH, "--threads", "1", *arguments).end()
    return short_bars_experiment(folder / "cluster" / "Bars"), local


def same(experiment: Path, local: Path, *runs: int) -> None:
    """Check that these runs, or both, are bit for bit those of `local`."""
    for run in runs or (3, 4):
        assert_same_result(experiment / f"results/run-{run},", local / f"results/run-{run},")
    print("  bit for bit the local result", flush=True)


def stacked_and_scored(folder: Path, *arguments: str) -> None:
    """Train two runs in one job (JAX) and score them, on the cluster and on this machine."""
    print("two runs in one job (--stack 2, JAX), and their final metrics", flush=True)
    local, cluster = (short_bars_experiment(folder / "stack" / at / "Bars") for at in "lc")
    short = ("--set", "epoch=2")
    for experiment, words in ((local, ("--threads", "1")), (cluster, arguments)):
        Main(experiment, *short, *words, "--stack", "2", KERAS_BACKEND="jax").end()
        Main(experiment, *short, *words, script="main_final_metrics.py", KERAS_BACKEND="jax").end()
    same(cluster, local)
    for run in (3, 4):
        file = f"results/run-{run},/final_metrics.json"
        ours, theirs = (json.loads((at / file).read_text())["scores"] for at in (cluster, local))
        assert ours == theirs, (ours, theirs)
    print(f"  the same scores: {ours}", flush=True)


def compared(experiment: Path, local: Path, *arguments: str) -> None:
    """Choose one of the two finished runs without labels, on the cluster and on this machine."""
    print("choosing one of both runs without labels", flush=True)
    for method, size in (("model-centrality", SIZE), ("udr-spearman", ())):
        words, found = ("--method", method, *size), []
        for at, more in ((local, ("--threads", "1")), (experiment, arguments)):
            Main(at, *LENGTH, *more, *words, script="main_model_centrality.py").end()
            record = json.loads((at / f"results/{method.replace('-', '_')}.json").read_text())
            found.append({key: record[key] for key in ("chosen", "matrix")})
        assert found[0] == found[1], found
        print(f"  the same by {method}: {found[0]['chosen']}", flush=True)


def load(folder: Path, tasks: int, *arguments: str) -> None:
    """Run many short tasks, each a real process; check that none is lost and none doubled."""
    print("load", flush=True)
    experiment = commands.copy_experiment(folder / "load")
    events = experiment / "events"
    text = (experiment / "gan/infogan_cr.py").read_text()
    for run in (1, 2):  # here, these do not fail
        text = text.replace(f"config.run == {run}:", "False:")
    (experiment / "gan/infogan_cr.py").write_text(text)
    runs = f"run=0-{tasks - 1}"
    main = Main(experiment, "--set", runs, *arguments, EVENTS=str(events), SECONDS="0.01")
    main.end()
    starts = [line.split('"start", ')[1].split(",")[0] for line in events.read_text().splitlines()
              if '"start"' in line]  # fmt: skip
    assert sorted(map(int, starts)) == list(range(tasks)), "lost or doubled"
    print(
        f"  {tasks} tasks: none lost, none doubled; {main.seconds:.0f} s, "
        f"{main.seconds / tasks:.2f} s a task; main process {main.peak} MB",
        flush=True,
    )
