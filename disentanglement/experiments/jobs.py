"""What a main script does for every run of a grid: train, score, or draw traversals."""

import abc
from pathlib import Path
from typing import ClassVar

from disentanglement import files, records
from disentanglement.evaluation import final_metrics, latent_trans
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.runs import RunFolder


class Job(abc.ABC):
    """A job to do for each run.

    Attributes:
        verb: The job in one word, e.g. "train".
        help: The description for --help.
        suffix: The script that does the job for one run is <task><suffix>.py.
        can_stack: Whether one process can do several runs at once.
    """

    verb: ClassVar[str]
    help: ClassVar[str]
    suffix: ClassVar[str]
    can_stack: ClassVar[bool] = False

    def __init__(self, experiment: Experiment):
        self.experiment = experiment
        self.script = f"{experiment.task}{self.suffix}.py"

    def check_data(self, runs: list[RunFolder]) -> None:
        """Raise UserError if the data that these runs need cannot be found."""
        for run in runs:
            self.experiment.find_data(run.task.config, self.experiment.folder)

    def can_start(self, run: RunFolder) -> bool:
        """Whether the job can be done: by default, whether the run has finished training."""
        return run.is_trained()

    def refuses(self, run: RunFolder) -> str | None:
        """Return why the run's folder cannot be used for this config, or None."""
        if change := run.other_config():
            return f"{change}: change it back or use another folder"
        return None

    @abc.abstractmethod
    def is_done(self, run: RunFolder) -> bool:
        """Whether there is nothing left to do."""

    @abc.abstractmethod
    def state(self, run: RunFolder) -> str:
        """Return the state of the run, in a word or two."""

    @abc.abstractmethod
    def put_away(self, run: RunFolder) -> list[Path]:
        """Rename the results of the job so that it can be done again; return the new paths."""

    @abc.abstractmethod
    def summary(self, run: RunFolder, state: str) -> str:
        """Return the run's line in the table at the end."""


class Training(Job):
    """The job of main.py."""

    verb, help, suffix = "train", "Train every run of a config's grid.", ""
    can_stack = True

    def can_start(self, run: RunFolder) -> bool:
        return self.refuses(run) is None

    def refuses(self, run: RunFolder) -> str | None:
        return None if self._starts_afresh(run) else super().refuses(run)

    def is_done(self, run: RunFolder) -> bool:
        return run.is_trained()

    def state(self, run: RunFolder) -> str:
        return run.record().get("state", "new")

    def put_away(self, run: RunFolder) -> list[Path]:
        return [files.keep_old(run.path)] if self._starts_afresh(run) else []

    def _starts_afresh(self, run):
        return run.scheduler.force_rerun and self.state(run) == "finished"

    def summary(self, run: RunFolder, state: str) -> str:
        if state != "finished":
            return str(run.path)
        record = run.record()
        scores = "  ".join(f"{name} {value:.3f}" for name, value in record["scores"].items())
        minutes = f"{record['seconds'] / 60:.1f} min"
        if data := record.get("data"):
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
        # The task script prints which metrics are left out, and why.
        self.metrics = lists.available(lists.final, lambda line: None)

    def is_done(self, run: RunFolder) -> bool:
        return run.is_trained() and final_metrics.is_done(run.path, self.metrics, run.task.config)

    def state(self, run: RunFolder) -> str:
        if not run.is_trained():
            return "untrained"
        return "scored" if self.is_done(run) else "trained"

    def put_away(self, run: RunFolder) -> list[Path]:
        names = final_metrics.checkpoints(run.path, run.task.config)
        paths = [run.path / name for name in names]
        return [files.keep_old(path) for path in paths if path.exists()]

    def summary(self, run: RunFolder, state: str) -> str:
        if state != "scored":
            return str(run.path)
        name = final_metrics.file_name(run.task.config)
        scores = records.read(run.path, name)["scores"]
        shown = [f"{score} {scores[score]:.3f}" for score in self._SHOWN if score in scores]
        return "  ".join([*shown, str(run.path / name)])


class DrawingTraversals(Job):
    """The job of main_generate_latent_trans.py."""

    verb, help = "draw", "Draw the latent traversals of every trained run."
    suffix = "_generate_latent_trans"

    def check_data(self, runs: list[RunFolder]) -> None:
        """Do nothing: traversals need no data."""

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
