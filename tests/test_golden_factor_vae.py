"""Three iterations give the numbers of the paper's code (see tests/data/README.md)."""

import numpy as np
import pytest

from disentanglement.config import FactorVAEConfig
from disentanglement.experiments import grid
from disentanglement.training.feed import Feed
from tests import golden
from tests.experiments import DATA, ROOT, load

GOLDEN = np.load(DATA / "factor_vae_dsprites.npz")
LAYERS = {
    r"VAEDecoder/layer([01])/": ("decoder", "dense{}", 1),
    r"VAEDecoder/layer([2-5])/": ("decoder", "deconv{}", -1),
    r"VAEEncoder/layer([0-3])/": ("encoder", "conv{}", 1),
    r"VAEEncoder/layer(4)/": ("encoder", "dense{}", -3),
    r"VAEEncoder/layer5-logvar/": ("encoder", "log_variance", 0),
    r"VAEEncoder/layer5-mean/": ("encoder", "mean", 0),
    r"tcDiscriminator/layer([0-4])/": ("tc_discriminator", "dense{}", 1),
    r"tcDiscriminator/layer5/": ("tc_discriminator", "logits", 0),
}


@pytest.fixture(scope="module")
def golden_run():
    """Return the model after three iterations, images, reports, and mean |variable| at the end."""
    paper = grid.load(ROOT / "FactorVAE_dSprites" / "config.py", FactorVAEConfig, 737280)
    config = next(task.config for task in paper.tasks if task.config.tc_coe == 40)
    model = load("FactorVAE_dSprites").build(config)
    variables = list(golden.variables(model, GOLDEN["init_names"], LAYERS))
    golden.assign(variables, std=0.06)
    images, reports = golden.images(192), []
    model.connect(Feed(golden.Images(images), on_device=False))
    for t in range(3):
        noise, tc_noise, permutation = (
            GOLDEN[f"it{t}/{k}"] for k in ("noise_vae", "noise_tcd", "perm")
        )
        arrays = (images[64 * t : 64 * t + 64], noise, tc_noise, permutation.astype(np.int32))
        reports.append(golden.iterate(model, None, *arrays))
    return model, images, reports, golden.mean_abs(variables)


@pytest.mark.parametrize("t", range(3))
def test_losses(golden_run, t):
    report = golden_run[2][t]
    vae = [report[f"vae/{part}"] for part in ("reconstruction", "kl", "tc", "total")]
    tcd = [report[f"tc_discriminator/{part}"] for part in ("joint", "permuted", "loss")]
    np.testing.assert_allclose(vae, GOLDEN[f"it{t}/vae"], rtol=1e-3)
    np.testing.assert_allclose(tcd, GOLDEN[f"it{t}/tcd"], rtol=1e-3)
    np.testing.assert_allclose(report["kl"].sum(), report["vae/kl"], rtol=1e-5)


def test_variables(golden_run):
    names = [str(name) for name in GOLDEN["init_names"]]
    for ours, theirs, name in zip(golden_run[3], GOLDEN["after/mean_abs"], names, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=3e-5, err_msg=name)


def test_inference(golden_run):
    model, images, *_ = golden_run
    np.testing.assert_allclose(model.generate(GOLDEN["test/z"]), GOLDEN["test/x"], atol=1e-3)
    mean = model._distribution(images[:8])[:, :10]
    np.testing.assert_allclose(mean, GOLDEN["test/mean"], atol=1e-3)
