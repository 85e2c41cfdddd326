"""main_model_centrality.py: choose one of the trained runs of a grid without labels.

The work is done run by run, so that it can go to any launcher: for ModelCentrality, a run makes its
labelled set and all encoders are scored on it; for UDR, a run encodes images of the data set. When
all runs are done, the main script puts the parts together.
"""

import argparse
import functools
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from disentanglement import console, files
from disentanglement.errors import UserError
from disentanglement.evaluation import udr_codes
from disentanglement.evaluation.cross_scores import FILE, Candidate, Column, score_column
from disentanglement.evaluation.generated_sets import MEMORY_GB, SetSize
from disentanglement.experiments import candidates as found_in
from disentanglement.experiments import states
from disentanglement.experiments.choice import CENTRALITY, METHODS
from disentanglement.experiments.conclusion import put_together, show
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.grid import Grid
from disentanglement.experiments.jobs import Job
from disentanglement.experiments.runs import RunFolder
from disentanglement.experiments.states import State
from disentanglement.wording import counted

log = logging.getLogger(__name__)

COMPARED = "compared"  # the state of a run whose part is done


class Comparing(Job):
    """The job of main_model_centrality.py."""

    verb, suffix, failure = "compare", "_model_centrality", "not compared"
    help = (
        "Choose one of the trained runs of a config's grid without labels, by ModelCentrality or "
        "UDR (docs/MODEL_SELECTION.md)."
    )
    options: argparse.Namespace
    grid: Grid

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        add_options(parser)
        parser.add_argument(
            "--records",
            nargs="+",
            type=Path,
            metavar="DIR",
            help="compare the published models in these folders instead, in this process",
        )
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help="with --records: the folder for all output"
        )

    def configure(self, options: argparse.Namespace) -> None:
        self.options = options
        if options.method != CENTRALITY:
            self.verb = "encode"  # another job than "compare", for launchers with a queue
        chosen = self.experiment.grid(options.config, options.set)
        self.varied = found_in.varied_keys([task.config for task in chosen.tasks])
        self.grid = chosen.select(options.runs)

    @functools.cached_property
    def trained(self) -> list[RunFolder]:
        """The selected runs that have finished training, and may be being scored or compared."""
        runs = [RunFolder(self.experiment.folder, self.grid.scheduler, t) for t in self.grid.tasks]
        names = {run: super(Comparing, self).state(run).name for run in runs}
        return [
            run
            for run, name in names.items()
            if name in states.TRAINED or (name == states.RUNNING and run.is_trained())
        ]

    @functools.cached_property
    def candidates(self) -> list[Candidate]:
        """The same as models to choose from."""
        return [found_in.of_run(self.experiment, run) for run in self.trained]

    @property
    def _size(self) -> SetSize:
        return _size(self.candidates[0], self.experiment, self.options)

    def _column(self, place: int) -> Column:
        return Column(self.trained[place].path / FILE, self.candidates[place], self._size)

    def check_data(self, runs: list[RunFolder]) -> None:
        found_in.check(self.candidates, self.varied)
        if self.options.method != CENTRALITY:
            super().check_data(runs)

    def is_done(self, run: RunFolder, state: State) -> bool:
        place = {each.path: i for i, each in enumerate(self.trained)}.get(run.path)
        if place is None:
            return False
        one = self.candidates[place]
        if self.options.method != CENTRALITY:
            return udr_codes.read(run.path / udr_codes.FILE, one) is not None
        return not self._column(place).missing(self.candidates)

    def needs(
        self, runs: list[RunFolder], todo: list[RunFolder], found: Mapping[RunFolder, State]
    ) -> list[str]:
        if self.options.method != CENTRALITY or not self.trained:
            return []
        missing = [self._column(i).missing(self.candidates) for i in range(len(self.trained))]
        sets, times = sum(map(bool, missing)), sum(map(len, missing))
        images = self._size.images
        return [
            f"{counted(sets, 'set')} of {images:,} images to generate, and {times * images:,} "
            f"images to encode for {counted(times, 'score')} (docs/MODEL_SELECTION.md)"
        ]

    def state(self, run: RunFolder, queue: Mapping[str, str] | None = None) -> State:
        """Return the state of a run, as far as this comparison is concerned."""
        state = super().state(run, queue)
        if state.name not in states.TRAINED:
            return state
        if self.is_done(run, state):
            return replace(state, name=COMPARED, detail="", next="")
        detail = f"not compared by {METHODS[self.options.method]}"
        return replace(state, detail=detail, next="main_model_centrality.py compares it")

    def can_start(self, run: RunFolder, state: State) -> bool:
        return state.name in (*states.TRAINED, COMPARED)

    def put_away(self, run: RunFolder) -> list[Path]:
        name = FILE if self.options.method == CENTRALITY else udr_codes.FILE
        return [files.keep_old(run.path / name)] if (run.path / name).exists() else []

    def summary(self, run: RunFolder) -> str:
        name = FILE if self.options.method == CENTRALITY else udr_codes.FILE
        return str(run.path / name)

    def task_options(self) -> list[str]:
        words = ["--method", self.options.method, "--memory-gb", f"{self.options.memory_gb:g}"]
        for name in ("groups", "reference"):
            if (value := getattr(self.options, name)) is not None:
                words += [f"--{name}", str(value)]
        for run in self.trained:
            words += ["--among", run.task.name]
        return words

    def finish(self, runs: list[RunFolder], status: int) -> int:
        """Put the parts together, print the ranking, and return the exit status."""
        ready = [run for run in self.trained if self.is_done(run, self.state(run))]
        if len(ready) < len(self.trained):
            print(f"{len(ready)} of {len(self.trained)} runs are compared: run the command again")
            return status or console.FAILED
        if waiting := len(runs) - len(ready):
            print(f"note: {counted(waiting, 'run')} not trained yet, and not compared")
        folders, results = [run.path for run in self.trained], self.trained[0].path.parent
        found = put_together(self.options.method, self.candidates, folders, self._size)
        with files.locked(results, wait=True):  # another main script may end at the same time
            show(found, results, self.experiment.folder.name)
        return status


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that the main script and the task share."""
    parser.add_argument(
        "--method", choices=METHODS, default=CENTRALITY, help="(default: %(default)s)"
    )
    parser.add_argument(
        "--groups",
        type=console.at_least(1),
        metavar="N",
        help="ModelCentrality: groups in each labelled set (default: 100 for each code)",
    )
    parser.add_argument(
        "--reference",
        type=console.at_least(2),
        metavar="N",
        help="ModelCentrality: random images in each set (default: a tenth of the data set's size, "
        "at least 10,000)",
    )
    parser.add_argument(
        "--memory-gb",
        type=console.not_negative,
        default=MEMORY_GB,
        metavar="X",
        help="keep a set that takes more than that on disk, in the run's folder (default: "
        "%(default)s)",
    )


def add_task_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the task's script."""
    add_options(parser)
    parser.add_argument(
        "--among",
        action="append",
        default=[],
        metavar="RUN",
        help="a run to compare it with; repeated (default: all that have finished training)",
    )


def compare_run(experiment: Experiment, run: RunFolder, options: argparse.Namespace) -> None:
    """Do one run's part: its column of scores, or its codes."""
    if options.method != CENTRALITY:
        one = found_in.of_run(experiment, run)
        dataset = experiment.load(run.task.config, log.info)
        udr_codes.write(run.path / udr_codes.FILE, one, dataset)
        return
    chosen = experiment.grid(options.config, options.set)
    runs = [RunFolder(experiment.folder, chosen.scheduler, task) for task in chosen.tasks]
    wanted = set(options.among)
    if unknown := sorted(wanted - {r.task.name for r in runs}):
        raise UserError(f"--among {unknown[0]}: no such run in {chosen.path}; see main.py --list")
    others = [r for r in runs if r.task.name in wanted or (not wanted and r.is_trained())]
    models = {other.path: found_in.of_run(experiment, other) for other in others}
    one = models.get(run.path) or found_in.of_run(experiment, run)
    size = _size(one, experiment, options)
    score_column(run.path / FILE, one, list(models.values()), size, options.memory_gb)


def _size(one: Candidate, experiment: Experiment, options: argparse.Namespace) -> SetSize:
    return found_in.size_of_set(one, experiment, options.groups, options.reference)
