"""Start tiny runs as separate processes, and compare their files."""

import csv
import os
import subprocess
import sys

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.experiments import ROOT

BATCHES = 48


def spawn(folder, *arguments, **environment):
    """Start tests/tiny.py in its own process."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.tiny", str(folder), *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rows(folder):
    """Return the rows of metric.csv."""
    return list(csv.DictReader((folder / "metric.csv").read_text().splitlines()))


def assert_same_result(folder, reference):
    """Compare checkpoints array by array, and metric.csv byte by byte."""
    for name in ("checkpoint/model.npz", "checkpoint/global_id-11/model.npz"):
        with np.load(folder / name) as ours, np.load(reference / name) as theirs:
            assert ours.files == theirs.files
            for key in ours.files:
                if key != "meta.json":
                    np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)
    assert (folder / "metric.csv").read_bytes() == (reference / "metric.csv").read_bytes()


def assert_same_events(folder, reference):
    ours, theirs = events(folder), events(reference)
    assert ours.Tags()["scalars"] == theirs.Tags()["scalars"]
    for tag in theirs.Tags()["scalars"]:
        assert [(e.step, e.value) for e in ours.Scalars(tag)] == [
            (e.step, e.value) for e in theirs.Scalars(tag)
        ]


def events(folder):
    """Return the TensorBoard events of a run."""
    accumulator = EventAccumulator(str(folder / "checkpoint"), size_guidance={"scalars": 0})
    return accumulator.Reload()
