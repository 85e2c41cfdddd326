"""Networks in JavaScript (experiments/explorer_page/network.js), run by Node, beside Keras."""

import json
import shutil
import subprocess

import keras
import numpy as np
import pytest

from disentanglement import pretrained
from disentanglement.errors import UserError
from disentanglement.experiments import load as experiments
from disentanglement.networks import portable
from tests.experiments import ROOT

SCRIPT = ROOT / "disentanglement" / "experiments" / "explorer_page" / "network.js"
RUN = """
const { buildNetwork } = require(process.argv[1]);
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const outputs = cases.map(({ network, inputs }) => {
  const run = buildNetwork(network);
  return inputs.map((input) => Array.from(run(input)));
});
process.stdout.write(JSON.stringify(outputs));
"""
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js (node)")


def run_in_node(*cases):
    """Return the outputs of each network, flattened; a case is what `portable` wrote and inputs."""
    text = json.dumps([{"network": n, "inputs": x.reshape(len(x), -1).tolist()} for n, x in cases])
    command = ["node", "-e", RUN, str(SCRIPT)]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return [np.array(outputs) for outputs in json.loads(result.stdout)]


def flat(network, inputs):
    return np.asarray(network(inputs, training=False)).reshape(len(inputs), -1)


def randomize(network, rng):
    """Give every weight a value that shows in the output, as if the network had been trained."""
    for layer in network.layers:
        for weight in layer.weights:
            if weight.name == "kernel":
                fan_in = np.prod(weight.shape) / weight.shape[-1]
                weight.assign(rng.normal(size=weight.shape) * np.sqrt(2 / fan_in))
            elif weight.name == "moving_variance":
                weight.assign(rng.uniform(0.3, 2, weight.shape))
            else:
                weight.assign(rng.normal(size=weight.shape) * 0.5)


def both_networks(name):
    """Return the generator and the encoder of an experiment's first config, with random weights."""
    ours = experiments.load(name)
    model = ours.build(ours.grid().tasks[0].config)
    rng = np.random.default_rng(0)
    for network in model.networks.values():
        randomize(network, rng)
    exports = model.exports()
    encoder = keras.Model(exports["encoder"].inputs[0], exports["encoder"].outputs[0])
    return exports["generator"], encoder, model.latent


@needs_node
@pytest.mark.slow
@pytest.mark.parametrize("name", [path.name for path in experiments.folders()])
def test_every_experiments_networks_equal_keras(name):
    generator, encoder, latent = both_networks(name)
    latents = latent.sample(np.random.default_rng(1), 3)
    images = np.random.default_rng(2).uniform(-1, 1, (2, *encoder.input.shape[1:]))
    pictures, codes = run_in_node(
        (portable.portable(generator, "float32"), latents),
        (portable.portable(encoder, "float32"), images),
    )
    expected, expected_codes = flat(generator, latents), flat(encoder, images)
    assert expected.std() > 0.1  # pictures, not an even grey
    assert expected_codes.std() > 0.1
    np.testing.assert_allclose(pictures, expected, atol=1e-4)
    np.testing.assert_allclose(codes, expected_codes, atol=1e-4 * np.abs(expected_codes).max())


LAYERS = keras.layers
SIZES = [(1, 1), (3, 1), (3, 2), (4, 3), (2, 3), (5, 2)]  # of a kernel, and its stride


def conv_chain(padding, size, stride):
    """A small network of whatever the experiments' networks do not have."""
    x = image = keras.Input((9, 7, 2))
    x = LAYERS.Conv2D(5, size, stride, padding, activation="relu")(x)
    x = LAYERS.BatchNormalization(center=False)(x)
    x = LAYERS.Conv2DTranspose(6, size, stride, padding, use_bias=False, activation="tanh")(x)
    x = LAYERS.BatchNormalization(scale=False)(x)
    x = LAYERS.Flatten()(LAYERS.LeakyReLU(negative_slope=0.3)(x))
    return keras.Model(image, LAYERS.Dense(3, activation="sigmoid")(LAYERS.Dropout(0.5)(x)))


@needs_node
@pytest.mark.parametrize(
    ("padding", "size", "stride"),
    [*(("same", *s) for s in SIZES), *(("valid", *s) for s in SIZES if s[0] >= s[1])],
)
def test_other_sizes_strides_and_paddings(padding, size, stride):
    network, rng = conv_chain(padding, size, stride), np.random.default_rng(size)
    randomize(network, rng)
    images = rng.normal(size=(2, 9, 7, 2))
    (outputs,) = run_in_node((portable.portable(network, "float32"), images))
    np.testing.assert_allclose(outputs, flat(network, images), atol=1e-5)


@needs_node
@pytest.mark.parametrize("precision", portable.PRECISIONS)
def test_the_published_model_with_rounded_weights_equals_keras(precision):
    model = pretrained.load("InfoGAN-CR_dSprites/hour/run-0").model
    latents = model.latent.sample(np.random.default_rng(0), 4)
    for network, inputs in (
        (model.exports()["generator"], latents),
        (model.exports()["encoder"], model.generate(latents)),
    ):
        (outputs,) = run_in_node((portable.portable(network, precision), inputs))
        rounded = portable.rounded(network, precision)
        np.testing.assert_allclose(outputs, flat(rounded, inputs), atol=1e-3)


def test_kernels_are_rounded_as_asked_and_small_ones_stay():
    network = keras.Sequential([keras.Input((200,)), LAYERS.Dense(100), LAYERS.Dense(10)])
    randomize(network, np.random.default_rng(0))
    large, small = (np.asarray(layer.kernel) for layer in network.layers)
    for precision, error in (("float32", 0), ("float16", 2**-11), ("int8", 0.5 / 127)):
        copy = portable.rounded(network, precision)
        distances = np.abs(np.asarray(copy.layers[0].kernel) - large)
        most = np.abs(large).max(axis=0) if precision == "int8" else np.abs(large)
        assert (distances <= error * most * 1.001 + 2**-25).all()
        assert (distances > 0).any() == (precision != "float32")
        np.testing.assert_array_equal(np.asarray(copy.layers[1].kernel), small)
    np.testing.assert_array_equal(np.asarray(network.layers[0].kernel), large)


@needs_node
def test_every_float16_is_decoded():
    code = "console.log(JSON.stringify(Array.from({length: 65536}, (_, i) => "
    code += "String(require(process.argv[1]).halfToFloat(i)))))"
    result = subprocess.run(["node", "-e", code, SCRIPT], capture_output=True, check=True)
    with np.errstate(invalid="ignore"):
        expected = np.arange(65536, dtype=np.uint16).view(np.float16).astype(float)
    ours = [float(text.replace("Infinity", "inf")) for text in json.loads(result.stdout)]
    np.testing.assert_array_equal(ours, expected)


def test_what_the_browser_cannot_run_is_one_line():
    x = image = keras.Input((8, 8, 2))
    for layer, message in (
        (LAYERS.MaxPooling2D(name="pool"), "the layer 'pool', a MaxPooling2D, is not supported"),
        (LAYERS.Conv2D(2, 3, dilation_rate=2, name="wide"), "'wide' has settings"),
        (LAYERS.Conv2D(2, (3, 5), name="oblong"), "'oblong' has settings"),
        (LAYERS.Dense(2, activation="gelu", name="d"), "activation of the layer 'd'"),
        (LAYERS.ReLU(6.0, name="capped"), "'capped' has settings"),
    ):
        with pytest.raises(UserError, match=message):
            portable.portable(keras.Model(image, layer(x)), "float16")
    branches = keras.Model(image, LAYERS.Add()([LAYERS.Dense(2)(x), LAYERS.Dense(2)(x)]))
    with pytest.raises(UserError, match="not a chain of layers"):
        portable.portable(branches, "float16")
    dense = keras.Model(image, LAYERS.Dense(9000, name="big")(LAYERS.Flatten()(x)))
    dense.layers[-1].kernel.assign(np.full((128, 9000), 1e5))
    with pytest.raises(UserError, match="big/kernel does not fit float16: try --precision float32"):
        portable.portable(dense, "float16")
    dense.layers[-1].bias.assign(np.full(9000, np.nan))
    with pytest.raises(UserError, match="big/bias holds NaN"):
        portable.portable(dense, "float32")
