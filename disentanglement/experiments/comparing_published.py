"""main_model_centrality.py --records: choose one of several published models without labels."""

import argparse
from dataclasses import replace

from disentanglement import files
from disentanglement.data.dataset import Dataset
from disentanglement.errors import UserError
from disentanglement.evaluation import udr_codes
from disentanglement.evaluation.cross_scores import FILE, Candidate, score_column
from disentanglement.experiments import candidates as found_in
from disentanglement.experiments.choice import CENTRALITY
from disentanglement.experiments.conclusion import put_together, show
from disentanglement.experiments.experiment import Experiment

# Options of the main script that are about the runs of a grid.
_OF_GRIDS = ("list", "status", "json", "dry_run", "runs", "cancel")


def compare(experiment: Experiment, options: argparse.Namespace) -> int:
    """Compare published models in this process; return the exit status."""
    check_options(options)
    models = found_in.of_published(options.records, experiment)
    chosen = experiment.grid(options.config, options.set)
    found_in.check(models, found_in.varied_keys([task.config for task in chosen.tasks]))
    size = found_in.size_of_set(models[0], experiment, options.groups, options.reference)
    folders = [options.out / each.name for each in models]
    with files.locked(options.out):
        if options.method == CENTRALITY:
            for one, folder in zip(models, folders, strict=True):
                score_column(folder / FILE, one, models, size, options.memory_gb)
        else:
            paths = [folder / udr_codes.FILE for folder in folders]
            todo = [
                (path, one)
                for path, one in zip(paths, models, strict=True)
                if udr_codes.read(path, one) is None
            ]
            data_dir = chosen.tasks[0].config.data_dir
            if todo:
                dataset = _data(experiment, models[0], data_dir)
            for path, one in todo:
                udr_codes.write(path, one, dataset)
        found = put_together(options.method, models, folders, size)
        show(found, options.out, experiment.folder.name)
    return 0


def check_options(options: argparse.Namespace) -> None:
    """Raise UserError if an option does not go with --records."""
    if options.out is None:
        raise UserError("--records needs --out, the folder for all output")
    if name := next((name for name in _OF_GRIDS if getattr(options, name)), None):
        option = name.replace("_", "-")
        raise UserError(
            f"--{option} is about the runs of a config: leave it out, and give --records the "
            "folders of the models to compare"
        )
    for key in ("codes", "launcher"):
        if any(text.strip().startswith(f"{key}=") for text in options.set):
            raise UserError(
                f"'{key}' cannot be set with --records: published models are compared as they are, "
                "in this process"
            )


def _data(experiment: Experiment, one: Candidate, data_dir: str | None) -> Dataset:
    """Return the data set that the models were trained on; `data_dir` may say where it is now."""
    config = one.load().config
    return experiment.load(replace(config, data_dir=data_dir or config.data_dir), print)
