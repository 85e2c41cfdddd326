"""Finished runs of the tiny experiment with random weights, for tests that compare runs."""

import argparse
import dataclasses
import shutil

import pytest

from disentanglement import records
from disentanglement.experiments import cli, comparing
from disentanglement.experiments.load import load
from disentanglement.experiments.runs import RunFolder
from disentanglement.training import checkpoint, feed
from disentanglement.training.position import Plan
from tests.experiments import short_bars_experiment
from tests.tiny import Bars

SIZE = ["--groups", "12", "--reference", "50"]


def finished_runs(folder, runs=(0, 1, 2)):
    """Copy the tiny experiment to `folder`, with finished runs that were never trained."""
    folder = short_bars_experiment(folder)
    with (folder / "config.py").open("a") as file:
        file.write(f"config['test_config'] = [{{'run': {list(runs)}}}]\n")
    experiment = load(folder)
    for run in run_folders(folder):
        finish(experiment, run)
    return folder


def finish(experiment, run, **changes):
    """Leave the files of a finished run in its folder."""
    config = dataclasses.replace(run.task.config, **changes)
    data, total = feed.identity(Bars()), Plan.of(config, 64).total
    values = dataclasses.asdict(config)
    meta = {"next_batch": total, "seconds": 1.0, "config": values, "data": data}
    checkpoint.save(run.path / "checkpoint" / checkpoint.FILE, experiment.build(config), meta)
    record = {"state": "finished", "config": values, "batches": total, "data": data}
    records.save(run.path, record | {"seconds": 1.0, "scores": {}})


def run_folders(folder):
    """Return the runs of the experiment's config."""
    experiment = load(folder)
    chosen = experiment.grid()
    return [RunFolder(experiment.folder, chosen.scheduler, task) for task in chosen.tasks]


def options(folder, method="model-centrality", **changes):
    """Return the options of the task's script."""
    values = {"config": folder / "config.py", "set": [], "method": method, "groups": 12}
    values |= {"reference": 50, "memory_gb": 4.0, "among": []}
    return argparse.Namespace(**(values | changes))


def compare_all(folder, method="model-centrality", **changes):
    """Do every run's part in this process."""
    for run in run_folders(folder):
        comparing.compare_run(load(folder), run, options(folder, method, **changes))


def main(folder, *arguments):
    return cli.main_model_centrality(folder, [*arguments, *SIZE])


@pytest.fixture(scope="session")
def compared(tmp_path_factory):
    """Three finished runs, each compared with the others. Read only."""
    folder = finished_runs(tmp_path_factory.mktemp("compared") / "Bars")
    compare_all(folder)
    compare_all(folder, "udr-lasso")
    return folder


@pytest.fixture
def bars(compared, tmp_path):
    """A copy of these runs that a test may change."""
    return shutil.copytree(compared, tmp_path / "Bars")
