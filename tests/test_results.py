"""What results/ publishes: the table is the records', and every record has what it needs."""

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


def test_there_are_records():
    assert RUNS
