"""The jobs that a main script does for every run of a grid: train, score, draw traversals."""

import abc
from pathlib import Path
from typing import ClassVar

from disentanglement import files, records
from disentanglement.evaluation import final_metrics, latent_trans
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.runs import RunFolder


class Job(abc.ABC):
    """What is done with each run.

    Attributes:
        verb: The job in a word, e.g. "train".
        help: One line for --help.
        suffix: Follows the experiment's task name in the script that does the job for one run.
        can_stack: Whether several runs can be done at once, in one process.
    """

    verb: ClassVar[str]
    help: ClassVar[str]
    suffix: ClassVar[str]
    can_stack: ClassVar[bool] = False

    def __init__(self, experiment: Experiment):
        self.script = f"{experiment.task}{self.suffix}.py"

    def can_start(self, run: RunFolder) -> bool:
        """Whether the run has what the job needs: by default, a finished training."""
        return run.is_trained()

    @abc.abstractmethod
    def is_done(self, run: RunFolder) -> bool:
        """Whether there is nothing left to do."""

    @abc.abstractmethod
    def state(self, run: RunFolder) -> str:
        """How far the run is, in a word."""

    @abc.abstractmethod
    def put_away(self, run: RunFolder) -> list[Path]:
        """Rename what the finished job left, so that it can be done again; return the new names."""

    @abc.abstractmethod
    def summary(self, run: RunFolder, state: str) -> str:
        """A line about the run for the table at the end."""


class Training(Job):
    """The job of main.py."""

    verb, help, suffix = "train", "Train every run of a config's grid.", ""
    can_stack = True

    def can_start(self, run: RunFolder) -> bool:
        return True

    def is_done(self, run: RunFolder) -> bool:
        return run.is_trained()

    def state(self, run: RunFolder) -> str:
        return run.record().get("state", "new")

    def put_away(self, run: RunFolder) -> list[Path]:
        return [files.keep_old(run.path)] if self.state(run) == "finished" else []

    def summary(self, run: RunFolder, state: str) -> str:
        if state != "finished":
            return str(run.path)
        found = run.record()
        scores = "  ".join(f"{name} {value:.3f}" for name, value in found["scores"].items())
        minutes = f"{found['seconds'] / 60:.1f} min"
        if data := found.get("data"):
            minutes += f"  on {data['images']:,} images of {data['dataset']}"
        return f"{scores}  {minutes}  {run.path}  traversals: {run.path / 'traversal.png'}"


class Scoring(Job):
    """The job of main_final_metrics.py."""

    verb, help = "score", "Score every trained run of a config's grid."
    suffix = "_final_metrics"
    _SHOWN = (
        "factor_vae",
        "dci_rf_ibgan.disentanglement",
        "mig",
        "random_feature_frechet.distance",
    )

    def __init__(self, experiment: Experiment):
        super().__init__(experiment)
        lists = experiment.metrics()
        # What is left out is said by the script that scores.
        self.metrics = lists.available(lists.final, lambda line: None)

    def is_done(self, run: RunFolder) -> bool:
        return run.is_trained() and final_metrics.is_done(run.path, self.metrics, run.task.config)

    def state(self, run: RunFolder) -> str:
        if not run.is_trained():
            return "untrained"
        return "scored" if self.is_done(run) else "trained"

    def put_away(self, run: RunFolder) -> list[Path]:
        names = final_metrics.checkpoints(run.path, run.task.config)
        return [files.keep_old(run.path / n) for n in names if (run.path / n).exists()]

    def summary(self, run: RunFolder, state: str) -> str:
        if state != "scored":
            return str(run.path)
        name = final_metrics.file_name(run.task.config)
        scores = records.read(run.path, name)["scores"]
        shown = [f"{score} {scores[score]:.3f}" for score in self._SHOWN if score in scores]
        return "  ".join([*shown, str(run.path / name)])


class DrawingTraversals(Job):
    """The job of main_generate_latent_trans.py."""

    verb, help = "draw", "Draw what each latent of every trained run does."
    suffix = "_generate_latent_trans"

    def is_done(self, run: RunFolder) -> bool:
        return run.is_trained() and latent_trans.is_done(run.path)

    def state(self, run: RunFolder) -> str:
        if not run.is_trained():
            return "untrained"
        return "drawn" if self.is_done(run) else "trained"

    def put_away(self, run: RunFolder) -> list[Path]:
        folder = run.path / latent_trans.FOLDER
        return [files.keep_old(folder)] if folder.exists() else []

    def summary(self, run: RunFolder, state: str) -> str:
        return str(run.path / latent_trans.FOLDER if state == "drawn" else run.path)
