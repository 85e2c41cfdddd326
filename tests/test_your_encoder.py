"""docs/YOUR_ENCODER.md, followed to the letter."""

import contextlib
import importlib.util
import re
import shlex
import sys
import types

import numpy as np
import pytest

from disentanglement.data.dsprites import dataset as dsprites
from disentanglement.evaluation import score_command, table
from tests.experiments import ROOT
from tests.scores import cells
from tests.tiny import Bars

PAGE = (ROOT / "docs" / "YOUR_ENCODER.md").read_text()
TORCH, PCA = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
# A table's row, or a line of `disentanglement-score`, as the page shows it.
SHOWN = [line.strip() for line in PAGE.splitlines() if line.startswith("    ")]


def commands(file):
    """Return the arguments of the page's two commands for a file of codes."""
    found = [shlex.split(line) for line in SHOWN if line.startswith(".venv/bin/")]
    score = next(words for words in found if words[1] == file)
    row = next(
        words for words in found if words[2] == "disentanglement.table" and score[3] in words
    )
    assert score[0].endswith("/disentanglement-score")
    return score[1:], row[3:]


def run_commands(file, capsys):
    """Run both commands; return the heading of the last table, and our row."""
    score, row = commands(file)
    assert score_command.main(score) == 0
    capsys.readouterr()
    assert table.main(row) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = (cells(line) for line in lines if line.startswith("| ours"))
    return [line for line in lines if line.startswith("**")][-1], row


def test_pca_on_own_images(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(PCA, {})
    heading, row = run_commands("PCA.npz", capsys)
    assert heading in SHOWN
    (shown,) = (cells(line) for line in SHOWN if "| PCA " in line)
    assert row[:4] == shown[:4]
    np.testing.assert_allclose(
        np.array(row[4:], float), np.array(shown[4:], float), atol=0.021, err_msg="see the page"
    )


class Tensor:
    """Images or codes of a stand-in for PyTorch."""

    def __init__(self, array):
        self.array = array

    def permute(self, *axes):
        return Tensor(self.array.transpose(axes))

    def numpy(self):
        assert StandIn.no_gradients, "RuntimeError: can't call numpy() on a tensor with gradients"
        return self.array


class StandIn(types.ModuleType):
    """As much of PyTorch as the page uses; its network returns the mean image as codes."""

    no_gradients = False
    from_numpy = staticmethod(Tensor)

    def __init__(self):
        super().__init__("torch")
        layers = ("Conv2d", "ReLU", "Flatten", "Linear")
        anything = dict.fromkeys(layers, lambda *sizes, **options: None)
        self.nn = types.SimpleNamespace(Sequential=lambda *layers: self, **anything)

    def manual_seed(self, seed):
        pass

    def eval(self):
        pass

    def __call__(self, batch):
        assert batch.array.shape[1:] == (1, 64, 64), "channels come first"
        return Tensor(batch.array.mean(axis=1)[:, ::16, ::16].reshape(len(batch.array), -1))

    @contextlib.contextmanager
    def _without_gradients(self):
        StandIn.no_gradients = True
        yield
        StandIn.no_gradients = False

    def no_grad(self):
        return self._without_gradients()


class DSprites(Bars):
    """A small data set whose class has the name of the paper's."""


@pytest.mark.parametrize("kind", ["torch", "stand-in"])
def test_pytorch_on_dsprites(kind, tmp_path, monkeypatch, capsys):
    if kind == "stand-in":
        monkeypatch.setitem(sys.modules, "torch", StandIn())
    elif importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dsprites, "load", lambda folder: DSprites())
    exec(TORCH, {})
    heading, row = run_commands("codes.npz", capsys)
    assert "dSprites, not comparable with the paper**: 64 images" in heading  # of the stand-in
    assert row[:4] == ["ours", "My encoder", "", "1"]
    assert all(row[4:])


def test_the_papers_rows_are_shown_as_the_table_prints_them():
    text = table.as_text(table.compare({}))
    assert any(line.startswith("**") and line in text for line in SHOWN)
    printed = {tuple(cells(line)) for line in text.splitlines()}
    shown = [cells(line) for line in SHOWN if line.startswith("| paper")]
    assert shown
    assert all(tuple(line) in printed for line in shown)
