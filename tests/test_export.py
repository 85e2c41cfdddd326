"""The exported networks load in stock Keras, without this package."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from disentanglement.training import checkpoint
from tests import tiny

SCRIPT = """
import sys, os
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("disentanglement", "gan", "tests"):
            raise ImportError(name)
sys.meta_path.insert(0, Block())
try:
    import disentanglement
except ImportError:
    pass
else:
    raise SystemExit("the package could be imported")
import keras, numpy as np
data = np.load("inputs.npz")
generator = keras.models.load_model("generator.keras")
encoder = keras.models.load_model("encoder.keras")
np.savez("outputs.npz", images=generator(data["latents"]), codes=encoder(data["images"]))
for model in (generator, encoder):
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
"""


@pytest.fixture
def model(unbroken):
    """The model of the finished run."""
    model = tiny.build()
    checkpoint.restore(unbroken / "checkpoint" / checkpoint.FILE, model)
    return model


def test_exports_need_only_keras(model, finished_run):
    rng = np.random.default_rng(0)
    latents = model.latent.sample(rng, 5)
    images = tiny.Bars().images(rng.integers(64, size=7))
    np.savez(finished_run / "inputs.npz", latents=latents, images=images)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=finished_run,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    with np.load(finished_run / "outputs.npz") as outputs:
        np.testing.assert_allclose(outputs["images"], model.generate(latents), atol=1e-5)
        np.testing.assert_allclose(outputs["codes"], model.encode(images), atol=1e-5)


def test_exporting_leaves_the_model_alone(model):
    before = [np.asarray(v).copy() for v in model.variables]
    exported = model.exports()
    for mine, was in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), was)
    assert isinstance(exported["encoder"].get_layer("conv1"), keras.layers.Conv2D)
