"""main_model_centrality.py: choose one of the trained runs of a grid without labels.

The work is done run by run, so that it can go to any launcher: for ModelCentrality, a run makes its
labelled set and all encoders are scored on it; for UDR, a run encodes images of the data set. When
all runs are done, the main script puts the parts together.
"""

import argparse
import functools
import logging
from collections.abc import Mapping
from pathlib import Path

from disentanglement import console, files
from disentanglement.errors import UserError
from disentanglement.evaluation import udr_codes
from disentanglement.evaluation.cross_scores import FILE, Candidate, Column, score_column
from disentanglement.evaluation.generated_sets import MEMORY_GB, SetSize
from disentanglement.experiments import candidates as found_in
from disentanglement.experiments import states
from disentanglement.experiments.choice import CENTRALITY, METHODS, Choice
from disentanglement.experiments.conclusion import put_together
from disentanglement.experiments.experiment import Experiment
from disentanglement.experiments.grid import Grid
from disentanglement.experiments.jobs import Job
from disentanglement.experiments.runs import RunFolder
from disentanglement.experiments.states import State
from disentanglement.wording import counted

log = logging.getLogger(__name__)


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
        """The selected runs that have finished training."""
        runs = [RunFolder(self.experiment.folder, self.grid.scheduler, t) for t in self.grid.tasks]
        return [run for run in runs if self.state(run).name in states.TRAINED]

    @functools.cached_property
    def candidates(self) -> list[Candidate]:
        """The same as models to choose from."""
        return [found_in.of_run(self.experiment, run) for run in self.trained]

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
        size = set_size(self.experiment, run, self.options)
        return not Column(run.path / FILE, one, size).missing(self.candidates)

    def needs(
        self, runs: list[RunFolder], todo: list[RunFolder], found: Mapping[RunFolder, State]
    ) -> list[str]:
        if self.options.method != CENTRALITY or not self.trained:
            return []
        count = len(self.trained)
        images = set_size(self.experiment, self.trained[0], self.options).images
        return [
            f"{counted(count, 'set')} of {images:,} images to generate, and {count} times "
            f"{count} sets, {count**2 * images:,} images, to encode (docs/MODEL_SELECTION.md)"
        ]

    def label(self, run: RunFolder, state: State) -> str:
        return "compared" if self.is_done(run, state) else state.name

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
            return status
        if waiting := len(runs) - len(ready):
            print(f"note: {counted(waiting, 'run')} not trained yet, and not compared")
        folders = [run.path for run in self.trained]
        size = set_size(self.experiment, self.trained[0], self.options)
        found = put_together(self.options.method, self.candidates, folders, size)
        show(found, self.trained[0].path.parent, self.experiment)
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
        help="ModelCentrality: random images in each set (default: a tenth of the data set's)",
    )
    parser.add_argument(
        "--memory-gb",
        type=float,
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
        udr_codes.save(run.path / udr_codes.FILE, one, udr_codes.encode(one.load(), dataset))
        return
    chosen = experiment.grid(options.config, options.set)
    runs = [RunFolder(experiment.folder, chosen.scheduler, task) for task in chosen.tasks]
    wanted = set(options.among)
    others = [r for r in runs if r.task.name in wanted or (not wanted and r.is_trained())]
    models = {other.path: found_in.of_run(experiment, other) for other in others}
    one = models.get(run.path) or found_in.of_run(experiment, run)
    size = set_size(experiment, run, options)
    score_column(run.path / FILE, one, list(models.values()), size, options.memory_gb)


def compare_published(experiment: Experiment, options: argparse.Namespace) -> int:
    """Compare published models in this process; return the exit status."""
    if options.out is None:
        raise UserError("--records needs --out, the folder for all output")
    models = found_in.of_published(options.records, experiment)
    chosen = experiment.grid(options.config, options.set)
    found_in.check(models, found_in.varied_keys([task.config for task in chosen.tasks]))
    run = RunFolder(experiment.folder, chosen.scheduler, chosen.tasks[0])
    size = set_size(experiment, run, options, models[0])
    folders = [options.out / each.name for each in models]
    if len(set(folders)) < len(folders):
        raise UserError("--records: two models have the same name; give their folders one by one")
    with files.locked(options.out):
        for one, folder in zip(models, folders, strict=True):
            if options.method == CENTRALITY:
                score_column(folder / FILE, one, models, size, options.memory_gb)
            elif udr_codes.read(folder / udr_codes.FILE, one) is None:
                model = one.load()
                dataset = experiment.load(model.config, print)
                udr_codes.save(folder / udr_codes.FILE, one, udr_codes.encode(model, dataset))
        show(put_together(options.method, models, folders, size), options.out, experiment)
    return 0


def show(found: Choice, folder: Path, experiment: Experiment) -> None:
    """Save a choice, and print it."""
    path = found.save(folder, experiment.folder.name)
    print(f"\n{METHODS[found.method]} of {counted(len(found.candidates), 'run')}:")
    print("\n".join(f"  {line}" for line in found.lines()))
    print(f"{path}; picture: {path.with_suffix('.png')}")


def set_size(
    experiment: Experiment,
    run: RunFolder,
    options: argparse.Namespace,
    model: Candidate | None = None,
) -> SetSize:
    """Return the size of the labelled sets of a grid's runs."""
    config = run.task.config
    record = run.record() if model is None else {"data": model.data}
    images = record.get("data", {}).get("images") or experiment.num_images_of(config)
    codes = getattr(config, "uniform_reg_dim", None) or getattr(config, "gaussian_dim", None)
    assert codes, "every algorithm's config says how many codes there are"
    return SetSize.of(codes, images, options.groups, options.reference)
