"""InfoGAN-CR and FactorVAE on teapots: networks, batch norm in H, the gap, whole runs."""

import itertools
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from disentanglement.config import TeapotInfoGANCRConfig
from disentanglement.networks import vae as vae_networks
from disentanglement.training.feed import Feed
from tests import golden, tiny
from tests.experiments import ROOT, load
from tests.gradients import gradients

CONFIG = tiny.CONFIG | {
    "uniform_reg_dim": 5,
    "cr_coe_increase": 3.0,
    "cr_coe_increase_batch": 2,
    "gap_start": 1.9,
    "gap_decrease": 1.9,
    "gap_decrease_batch": 5,
}


def build(**changes):
    config = TeapotInfoGANCRConfig(**(CONFIG | changes))
    return load("InfoGAN-CR_3D_teapot").build(config)


class Noise(golden.Images):
    """64 colour images of noise."""

    def __init__(self):
        super().__init__(np.random.default_rng(0).random((64, 64, 64, 3)).astype(np.float32))


def numbers(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


# ---- networks -----------------------------------------------------------------------------------


def test_parameters_counted_by_hand():
    """Kernels and biases of the paper's table: 64x64x3, 5 codes, 10 latents, Q 128 wide."""
    network = build(uniform_not_reg_dim=5, q_l_dim=128).networks

    def conv(*channels):
        return sum(16 * a * b + b for a, b in itertools.pairwise(channels))

    norms = 2 * (32 + 64 + 64 + 128)
    assert numbers(network["cr_discriminator"]) == (
        conv(6, 32, 32, 64, 64) + (1024 * 128 + 128) + (128 * 5 + 5) + norms
    )
    trunk = conv(3, 32, 32, 64, 64) + 1024 * 128 + 128
    assert numbers(network["discriminator"]) == (
        trunk + (128 + 1) + (128 * 128 + 128) + (128 * 5 + 5)
    )
    assert numbers(network["generator"]) == (
        (10 * 128 + 128 + 2 * 128) + (128 * 1024 + 1024 + 2 * 1024)
        + conv(64, 64, 32, 32, 3) + 2 * (64 + 32 + 32)
    )  # fmt: skip
    vae = vae_networks.factor_vae(10, channels=3)
    assert numbers(vae.encoder) == trunk + 2 * (128 * 10 + 10)
    assert numbers(vae.decoder) == (
        (10 * 128 + 128) + (128 * 1024 + 1024) + conv(64, 64, 32, 32, 3)
    )


def test_h_has_batch_norm_after_the_activation_and_no_spectral_norm():
    h = build().networks["cr_discriminator"]
    conv, norm = ["Conv2D", "LeakyReLU"], ["BatchNormalization"]
    assert kinds(h) == [
        "InputLayer", *conv, *(conv + norm) * 3, "Flatten", "Dense", "LeakyReLU", *norm, "Dense",
    ]  # fmt: skip
    assert not any(weight.name == "u" for weight in h.weights)
    assert h.input.shape == (None, 64, 64, 6)


def test_h_in_training_mode_is_the_plain_formula():
    """The last batch norm and dense layer equal float64 NumPy, and the gradient is finite."""
    h = build().networks["cr_discriminator"]
    rng = np.random.default_rng(0)
    for variable in h.trainable_variables:
        variable.assign(rng.normal(0, 0.1, variable.shape))
    before = keras.Model(h.input, h.get_layer("dense1").output)
    pairs = rng.random((8, 64, 64, 6)).astype(np.float32)
    x = np.asarray(before(pairs, training=True), np.float64)
    x = np.maximum(x, 0.2 * x)
    norm, last = h.get_layer("dense1_norm"), h.get_layer("logits")
    x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) * np.asarray(norm.gamma) + np.asarray(norm.beta)
    expected = x @ np.asarray(last.kernel) + np.asarray(last.bias)
    np.testing.assert_allclose(h(pairs, training=True), expected, rtol=1e-3, atol=1e-4)
    with keras.StatelessScope():
        (gradient,) = gradients(lambda p: keras.ops.sum(h(p, training=True) ** 2), pairs)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


# ---- the schedule of the gap --------------------------------------------------------------------


def state(model):
    """Weights of H, and its optimiser's moments and step count."""
    h, optimizer = model.cr_discriminator, model.optimizers["cr_discriminator"]
    moments = [v for v in optimizer.variables if not v.path.endswith("learning_rate")]
    return [np.asarray(v).copy() for v in h.trainable_variables], [
        np.asarray(v).copy() for v in moments
    ]


def others(model):
    names = ("generator", "discriminator")
    return [np.asarray(v).copy() for name in names for v in model.networks[name].variables]


def test_the_gap_closes_and_h_restarts():
    """The paper's schedule, shortened: the term starts at 2, the gap drops from 1.9 to 0 at 5."""
    model = build()
    model.connect(Feed(Noise(), on_device=False))
    averages = model.cr_discriminator.get_layer("conv2_norm").moving_mean
    for global_id in range(8):
        before, rest = state(model), others(model)
        model.start_batch(global_id)
        after = state(model)
        if global_id in (2, 5):
            assert model.changes_before(global_id)
            assert all(np.abs(v).max() == 0 for v in after[1])  # moments and step count
            kernel = np.asarray(model.cr_discriminator.get_layer("conv3").kernel)
            assert np.abs(kernel - before[0][6]).max() > 0.01
            assert 0.0165 < kernel.std() < 0.0187  # a truncated normal of 0.02
            np.testing.assert_array_equal(np.asarray(averages), 0)
        else:
            assert not model.changes_before(global_id)
            for ours, theirs in zip(before[0] + before[1], after[0] + after[1], strict=True):
                np.testing.assert_array_equal(ours, theirs)
        for ours, theirs in zip(rest, others(model), strict=True):
            np.testing.assert_array_equal(ours, theirs)  # nothing else is touched
        report = model.train_block((np.arange(4) + 4 * global_id)[None], global_id)
        found = model.schedule_report(global_id)
        assert found["cr_coe"] == (3 if global_id >= 2 else 0)
        assert found["gap"] == (1.9 if global_id < 5 else 0)
        assert ("cr_discriminator/loss" in report) == (global_id >= 2)
        assert all(np.isfinite(value).all() for value in report.values())
        if global_id >= 2:
            assert np.abs(np.asarray(averages)).max() > 0  # training mode moves them


def test_pairs_obey_the_gap_before_it_closes():
    model = build()
    distances = {}
    for global_id in (4, 5):
        _, first, second, label, _ = model.draw(global_id, 2000)
        codes = np.abs(first - second)[:, :5]
        own = np.arange(5) == label[:, None]
        assert (codes[own] == 0).all()
        np.testing.assert_array_equal(first[:, 5:], second[:, 5:])
        distances[global_id] = codes[~own]
    assert distances[4].min() >= 1.9 - 1e-6
    assert distances[5].min() < 0.01
    assert np.abs(distances[5].mean() - 2 / 3) < 0.02  # of two independent draws from U(-1, 1)


def test_another_seed_draws_another_h():
    weights = []
    for run in (0, 1):
        model = build(run=run)
        model.start_batch(5)
        weights.append(np.asarray(model.cr_discriminator.get_layer("conv2").kernel))
    assert np.abs(weights[0] - weights[1]).max() > 0.01


# ---- the experiments ----------------------------------------------------------------------------


SMALL = {
    "InfoGAN-CR_3D_teapot": ["cr_coe_increase_batch=1", "gap_decrease_batch=2"],
    "FactorVAE_3D_teapot": ["gaussian_dim=4"],
}
CHANGES = [
    "max_batches=4", "batch_size=8", "generate=40", "vis_freq=3", "metric_freq=2",
    "metric_untrained=False",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_train_and_score(name, tmp_path):
    """Generate data, train and score as a user would, but with small numbers."""
    script = ROOT / "3D_teapot" / "generate_teapots_fixed_color_complete_rotation_up_light.py"
    words = ["--out", tmp_path / "data", "--train", "200", "--groups", "6"]
    subprocess.run([sys.executable, script, *words], check=True, capture_output=True)

    def run(script):
        words = [f"data_dir={tmp_path / 'data'}", f"result_root_folder={tmp_path / 'results'}"]
        settings = [f"--set={pair}" for pair in (*words, *CHANGES, *SMALL[name])]
        result = subprocess.run(
            [sys.executable, script, "--config", "config_quick.py", *settings],
            cwd=ROOT / name,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    assert "finished" in run("main.py")
    assert "scored" in run("main_final_metrics.py")
    (folder,) = [path for path in (tmp_path / "results").iterdir() if path.is_dir()]
    found = json.loads((folder / "final_metrics.json").read_text())
    assert found["protocol"]["factors"] == ["gamma", "beta", "alpha"]
    assert (found["protocol"]["images"], found["protocol"]["groups"]) == (200, 6)
    assert found["skipped"] == {}
    assert {"factor_vae", "dci_rf_ibgan.disentanglement", "mig", "sap"} <= found["scores"].keys()
    if name.startswith("InfoGAN"):
        assert (folder / "final_metrics_global_id-0.json").exists()
    assert len(list((folder / "sample").glob("*,latent-*.png"))) > 5
