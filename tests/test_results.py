"""What results/ publishes: the table matches the records, which are complete, and weights load."""

import re
import textwrap

import numpy as np
import pytest

from disentanglement import checksums, records
from disentanglement.evaluation import table
from disentanglement.evaluation.protocols import NAMES
from disentanglement.training.weights import LIMIT
from tests.experiments import DATA, ROOT

RESULTS = ROOT / "results"
RUNS = [path.parent for path in sorted(RESULTS.rglob(records.FILE))]


@pytest.mark.parametrize("protocol", NAMES)
def test_the_tables_are_made_from_the_records(protocol):
    chosen = table.by_protocol(protocol, table.find_records([RESULTS]))
    assert table.as_text(table.compare(chosen)) in (RESULTS / "README.md").read_text()


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.parent.name}/{run.name}")
def test_a_record_is_whole(run):
    about = records.read(run)
    assert about["state"] == "finished"
    assert about["seconds"] > 0
    assert about["hardware"]["devices"]
    final = records.read(run, "final_metrics.json")
    has_factors = "factors" in final["protocol"]
    assert has_factors == ("CelebA" not in str(run))
    assert set(table.COLUMNS.values() if has_factors else ["dhsic"]) <= set(final["scores"])
    assert has_sample_quality(final) == ("_dSprites" in str(run))
    assert final["model"]["batches"] == about["batches"]
    assert list((run / "weights").glob("*.npz"))
    assert all(path.stat().st_size < LIMIT for path in run.rglob("*"))


def has_sample_quality(final):
    return "sample_quality.inception_score" in final["scores"]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.parent.name}/{run.name}")
def test_a_records_files_are_as_published(run):
    checksums.check_all(run)
    assert set(checksums.read(run)) == {
        path.relative_to(run).as_posix()
        for path in run.rglob("*")
        if path.is_file() and path.name != checksums.FILE
    }


def test_the_snippet_that_loads_the_weights_runs():
    page = (RESULTS / "README.md").read_text()
    snippet = re.search(r"To use the weights:\n\n((?:    .*\n|\n)+)", page)
    assert snippet
    rng = np.random.default_rng(0)
    names = {
        "images": rng.random((3, 64, 64, 1), dtype=np.float32),
        "latents": rng.uniform(-1, 1, (3, 10)),
    }
    exec(textwrap.dedent(snippet[1]), names)
    assert names["codes"].shape == (3, 5)
    assert np.isfinite(names["codes"]).all()
    assert names["images"].shape == (3, 64, 64, 1)


def test_there_are_records():
    assert RUNS


def test_the_published_shape_classifier_is_right_about_real_images():
    from disentanglement.networks import shape_classifier

    published = RESULTS / "shape_classifier" / "shape_classifier.keras"
    assert published.stat().st_size < LIMIT
    assert records.read(published.parent, "shape_classifier.json")["accuracy"] > 0.999
    with np.load(DATA / "dsprites_real_frames.npz") as frames:
        images = frames["imgs"][..., None].astype(np.float32)
        shapes = frames["latents_classes"][:, 1]
    found = shape_classifier.load(published)(images).argmax(axis=1)
    assert (found == shapes).mean() > 0.98
