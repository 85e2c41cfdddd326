"""examples/tour.ipynb runs, and is committed with its outputs."""

import re

import nbformat
import pytest

from tests.experiments import ROOT

PATH = ROOT / "examples" / "tour.ipynb"


def outputs(notebook):
    """Return the outputs of each code cell; what libraries log to stderr is not committed."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [[out for out in cell.outputs if out.get("name") != "stderr"] for cell in cells]


def texts(notebook):
    return [out.data["text/plain"] for found in outputs(notebook) for out in found]


def test_the_outputs_are_committed():
    notebook = nbformat.read(PATH, as_version=4)
    assert all(len(found) == 1 for found in outputs(notebook))
    assert '"stderr"' not in PATH.read_text()
    assert PATH.stat().st_size < 200_000


@pytest.mark.slow
def test_it_runs(monkeypatch):
    from nbclient import NotebookClient

    # With it, a kernel does not capture what C++ code writes to stderr.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    notebook = nbformat.read(PATH, as_version=4)
    committed = texts(notebook)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": PATH.parent}}).execute()
    logged = "".join(
        out.text for cell in notebook.cells for out in cell.get("outputs", [])
        if out.get("name") == "stderr"
    )  # fmt: skip
    assert not re.search("oneDNN|[Cc]uda|absl|CPU instructions", logged), logged
    found = texts(notebook)
    assert "InfoGAN-CR_dSprites/hour/run-0" in found[0]
    assert found[1] == committed[1]  # the model's title
    for name in ("factor_vae", "mig"):
        assert all(name in text for text in found[5:7])
    table = outputs(notebook)[-1][0].data["text/markdown"]
    assert (
        "**own images (shape, scale, orientation, posX, posY; 5,000 images)**: 200 groups" in table
    )
    assert "| ours | PCA " in table
