"""Commands whose output nobody reads any more, as in `... | head -1`, end without a traceback."""

import os
import subprocess
import sys

import numpy as np
import pytest

from disentanglement import console
from tests.experiments import ROOT

SCORE = "import sys; from disentanglement.evaluation.score_command import main; sys.exit(main())"
COMMANDS = {
    "disentanglement-score": ["-c", SCORE, "{folder}/codes.npz", "--metrics", "mig,sap"],
    "table": ["-m", "disentanglement.table", "results"],
    "curves": ["-m", "disentanglement.curves", "results", "--out", "{folder}/curves.png"],
    "pretrained": ["-m", "disentanglement.pretrained"],
    "main": ["InfoGAN-CR_dSprites/main.py", "--dry-run", "--set", "result_root_folder={folder}"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_the_reader_has_gone(name, tmp_path):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, (200, 2))
    np.savez(tmp_path / "codes.npz", codes=rng.random((200, 3)), factors=classes.astype(float),
             factor_ids=classes, continuous=np.array([True, True]))  # fmt: skip
    words = [word.format(folder=tmp_path) for word in COMMANDS[name]]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run(
            [sys.executable, *words], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writer)
    assert result.returncode == console.CLOSED_PIPE
    assert all(line.startswith("note: ") for line in result.stderr.splitlines()), result.stderr
