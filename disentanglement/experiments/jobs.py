"""What a main script does for every run of a grid: train, score, or draw traversals."""

import abc
import argparse
import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from disentanglement import files, records
from disentanglement.config import TrainingConfig
from disentanglement.evaluation import final_metrics, latent_trans
from disentanglement.evaluation.protocols import PAPER
from disentanglement.experiments import requirements, states
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.requirements import Left
from disentanglement.experiments.runs import RunFolder
from disentanglement.experiments.states import State
from disentanglement.wording import counted


class Job(abc.ABC):
    """A job to do for each run.

    Attributes:
        verb: The job in one word, e.g. "train".
        help: The description for --help.
        suffix: The script that does the job for one run is <task><suffix>.py.
        can_stack: Whether one process can do several runs at once.
        failure: What the table at the end calls a run for which the job failed.
    """

    verb: str
    help: ClassVar[str]
    suffix: ClassVar[str]
    can_stack: ClassVar[bool] = False
    failure: ClassVar[str]

    def __init__(self, experiment: Experiment):
        self.experiment = experiment
        self.script = f"{experiment.task}{self.suffix}.py"

    @classmethod  # noqa: B027  (most have none)
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add the main script's options that only this job has."""

    def configure(self, options: argparse.Namespace) -> None:  # noqa: B027
        """Take the main script's options."""

    def check_data(self, runs: list[RunFolder]) -> None:
        """Raise UserError if the data that these runs need cannot be found."""
        for run in runs:
            self.experiment.find(run.task.config)

    def state(self, run: RunFolder, queue: Mapping[str, str] | None = None) -> State:
        """Return the state of a run; for the arguments see `states.of`."""
        config = run.task.config
        metrics = functools.partial(self._final_metrics, config)
        images = self.experiment.num_images_of(config)
        state = states.of(run, images, metrics, queue)
        return states.of_other_data(run, state, self.experiment.counted_images(config))

    def can_start(self, run: RunFolder, state: State) -> bool:
        """Whether the job can be done now: by default, whether the run has been trained."""
        return state.name in states.TRAINED

    def refuses(self, run: RunFolder, state: State) -> bool:
        """Whether the run's folder cannot be used for this config and these data."""
        return state.name in (states.OTHER_CONFIG, states.OTHER_DATA)

    @abc.abstractmethod
    def is_done(self, run: RunFolder, state: State) -> bool:
        """Whether there is nothing left to do."""

    @abc.abstractmethod
    def put_away(self, run: RunFolder) -> list[Path]:
        """Rename the results of the job so that it can be done again; return the new paths."""

    def needs(
        self, runs: list[RunFolder], todo: list[RunFolder], found: Mapping[RunFolder, State]
    ) -> list[str]:
        """Return lines on the time, disk and memory that the job takes, if they are known."""
        return []

    def warnings(self, todo: list[RunFolder], found: Mapping[RunFolder, State]) -> list[str]:
        """Return lines to print before the job starts."""
        return []

    def label(self, run: RunFolder, state: State) -> str:
        """Return the state of a run as the tables of this job show it."""
        return state.name

    @abc.abstractmethod
    def summary(self, run: RunFolder) -> str:
        """Return what the tables say of a run that is done."""

    def task_options(self) -> list[str]:
        """Return further options for the task's script."""
        return []

    def finish(self, runs: list[RunFolder], status: int) -> int:
        """Act when the runs have ended, unless stopped; return the exit status."""
        return status

    def _final_metrics(self, config: TrainingConfig) -> list[str]:
        if self.experiment.missing(config):
            return []  # unknown: which there are depends on the data
        lists = self.experiment.metric_lists(config)
        # The task script prints which metrics are left out, and why.
        return list(lists.available(lists.final, lambda line: None))


class Training(Job):
    """The job of main.py."""

    verb, help, suffix = "train", "Train every run of a config's grid.", ""
    can_stack = True
    failure = states.FAILED

    def can_start(self, run: RunFolder, state: State) -> bool:
        return state.name != states.RUNNING and not self.refuses(run, state)

    def refuses(self, run: RunFolder, state: State) -> bool:
        return super().refuses(run, state) and not self._starts_afresh(run)

    def is_done(self, run: RunFolder, state: State) -> bool:
        return state.name in states.TRAINED

    def put_away(self, run: RunFolder) -> list[Path]:
        return [files.keep_old(run.path)] if self._starts_afresh(run) else []

    def needs(
        self, runs: list[RunFolder], todo: list[RunFolder], found: Mapping[RunFolder, State]
    ) -> list[str]:
        configs = [run.task.config for run in runs]
        return requirements.lines(self.experiment, configs, self._left(todo, found))

    def warnings(self, todo: list[RunFolder], found: Mapping[RunFolder, State]) -> list[str]:
        return requirements.warnings(self.experiment, self._left(todo, found))

    def _left(self, todo, found):
        """Return the runs to train, each with its next batch."""
        return [
            Left(run.task.config, run.path, 0 if self._starts_afresh(run) else found[run].batches)
            for run in todo
        ]

    def _starts_afresh(self, run):
        return run.scheduler.force_rerun and run.record().get("state") == states.FINISHED

    def summary(self, run: RunFolder) -> str:
        record = run.record()
        scores = [f"{name} {value:.3f}" for name, value in record["scores"].items()]
        minutes = f"{record['seconds'] / 60:.1f} min"
        if data := record.get("data"):
            minutes += f"  on {counted(data['images'], 'image')} of {data['dataset']}"
        picture = f"traversals: {run.path / 'traversal.png'}"
        return "  ".join([*scores, minutes, str(run.path), picture])


class Scoring(Job):
    """The job of main_final_metrics.py."""

    verb, help = "score", "Score every trained run of a config's grid."
    suffix, failure = "_final_metrics", "not scored"
    _SHOWN = (
        "factor_vae",
        "dci_rf_ibgan.disentanglement",
        "mig",
        "random_feature_frechet.distance",
        *("dlib.factor_vae", "dlib.dci.disentanglement", "dlib.mig"),
        *("infomec.infom", "infomec.infoe", "infomec.infoc"),
    )
    protocol = PAPER

    @property
    def _option(self) -> str:
        return f"--protocol {self.protocol}"

    def is_done(self, run: RunFolder, state: State) -> bool:
        if self.protocol == PAPER:
            return state.name == states.SCORED
        from disentanglement.evaluation.named_protocols import named  # takes seconds to import

        metrics = named(self.protocol).chosen()
        trained = state.name in states.TRAINED
        return trained and final_metrics.is_done(run.path, metrics, run.task.config, self.protocol)

    def state(self, run: RunFolder, queue: Mapping[str, str] | None = None) -> State:
        """Return the state of a run, as far as this protocol is concerned."""
        state = super().state(run, queue)
        if self.protocol == PAPER or state.name not in states.TRAINED:
            return state
        if self.is_done(run, state):
            name, following = states.SCORED, f"{states.TABLE} {self._option}"
        else:
            name, following = states.FINISHED, f"{states.SCORE} {self._option} scores it"
        return replace(state, name=name, detail="", next=following)

    def task_options(self) -> list[str]:
        return [] if self.protocol == PAPER else self._option.split()

    def put_away(self, run: RunFolder) -> list[Path]:
        names = final_metrics.checkpoints(run.path, run.task.config, self.protocol)
        paths = [run.path / name for name in names]
        return [files.keep_old(path) for path in paths if path.exists()]

    def summary(self, run: RunFolder) -> str:
        name = final_metrics.file_name(run.task.config, "", self.protocol)
        scores = records.read(run.path, name)["scores"]
        shown = [f"{score} {scores[score]:.3f}" for score in self._SHOWN if score in scores]
        return "  ".join([*shown, str(run.path / name)])


class DrawingTraversals(Job):
    """The job of main_generate_latent_trans.py."""

    verb, help = "draw", "Draw the latent traversals of every trained run."
    suffix, failure = "_generate_latent_trans", "not drawn"

    def check_data(self, runs: list[RunFolder]) -> None:
        """Do nothing: traversals need no data."""

    def is_done(self, run: RunFolder, state: State) -> bool:
        return state.name in states.TRAINED and latent_trans.is_done(run.path)

    def label(self, run: RunFolder, state: State) -> str:
        return "drawn" if self.is_done(run, state) else state.name

    def put_away(self, run: RunFolder) -> list[Path]:
        folder = run.path / latent_trans.FOLDER
        return [files.keep_old(folder)] if folder.exists() else []

    def summary(self, run: RunFolder) -> str:
        return str(run.path / latent_trans.FOLDER)
