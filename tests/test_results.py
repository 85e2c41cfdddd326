"""What results/ publishes: the table matches the records, which are complete, and weights load."""

import re
import textwrap

import pytest

from disentanglement import records
from disentanglement.evaluation import table
from disentanglement.training.weights import LIMIT
from tests.experiments import ROOT

RESULTS = ROOT / "results"
RUNS = [path.parent for path in sorted(RESULTS.rglob(records.FILE))]


def test_the_table_is_made_from_the_records():
    made = table.as_text(table.compare(table.find_records([RESULTS])))
    assert made in (RESULTS / "README.md").read_text()


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.parent.name}/{run.name}")
def test_a_record_is_whole(run):
    about = records.read(run)
    assert about["state"] == "finished"
    assert about["seconds"] > 0
    assert about["hardware"]["devices"]
    final = records.read(run, "final_metrics.json")
    assert set(table.COLUMNS.values()) <= set(final["scores"])
    assert final["model"]["batches"] == about["batches"]
    assert list((run / "weights").glob("*.npz"))
    assert all(path.stat().st_size < LIMIT for path in run.rglob("*"))


def test_the_snippet_that_loads_the_weights_runs(monkeypatch):
    page = (RESULTS / "README.md").read_text()
    snippet = re.search(r"To use the weights:\n\n((?:    .*\n|\n)+)", page)
    assert snippet
    code = "\n".join(
        [
            "import numpy as np",
            "images = np.random.default_rng(0).random((3, 64, 64, 1), dtype=np.float32)",
            textwrap.dedent(snippet[1]),
            "assert codes.shape == (3, 5), codes.shape",
            "assert np.isfinite(codes).all()",
        ]
    )
    monkeypatch.chdir(ROOT)
    exec(code, {})


def test_there_are_records():
    assert RUNS
