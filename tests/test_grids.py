"""The configs of the experiments expand to the paper's grids, number for number."""

import pytest

from disentanglement.experiments import grid
from tests.experiments import ROOT, load

INFOGAN = {
    "vis_freq": 200, "vis_num_sample": 10, "vis_num_rep": 10, "metric_freq": 400, "summary_freq": 1,
    "output_reverse": False, "cr_coe_start": 0, "cr_coe_increase_times": 1, "uniform_reg_dim": 5,
}  # fmt: skip
NO_GAP = {"gap_start": 0, "gap_decrease": 0, "gap_decrease_times": 0, "gap_decrease_batch": 1}
FACTOR_VAE = {"batch_size": 64, "gaussian_dim": 10}
GRIDS = {
    "InfoGAN-CR_dSprites": (10, 322_560, 737_280, INFOGAN | NO_GAP | {
        "epoch": 28, "batch_size": 64, "info_coe_de": 0.05, "info_coe_infod": 0.05,
        "de_lr": 0.001, "infod_lr": 0.002, "crd_lr": 0.002, "uniform_not_reg_dim": 5,
        "cr_coe_increase": 2, "cr_coe_increase_batch": 288_000, "q_l_dim": 128,
    }),
    "InfoGAN-CR_3D_teapot": (10, 125_000, 200_000, INFOGAN | {
        "epoch": 40, "batch_size": 64, "info_coe_de": 0.2, "info_coe_infod": 0.2,
        "de_lr": 0.001, "infod_lr": 0.002, "crd_lr": 0.002, "uniform_not_reg_dim": 5,
        "cr_coe_increase": 3, "cr_coe_increase_batch": 50_000, "q_l_dim": 128,
        "gap_start": 1.9, "gap_decrease": 1.9, "gap_decrease_times": 1,
        "gap_decrease_batch": 85_000,
    }),
    "InfoGAN-CR_CelebA": (1, 90_174, 202_599, INFOGAN | NO_GAP | {
        "epoch": 57, "batch_size": 128, "info_coe_de": 2, "info_coe_infod": 2,
        "de_lr": 0.002, "infod_lr": 0.0002, "crd_lr": 0.0002, "uniform_not_reg_dim": 100,
        "cr_coe_increase": 1, "cr_coe_increase_batch": 80_000,
    }),
    "FactorVAE_dSprites": (10, 311_040, 737_280, FACTOR_VAE | {"epoch": 27}),
    "FactorVAE_3D_teapot": (10, 109_375, 200_000, FACTOR_VAE | {"epoch": 35}),
}  # fmt: skip


# The VAEs: objective -> the key of its weight and its values; all else is FactorVAE's.
VAES = {
    "vae": (None, [None]),
    "beta_vae": ("beta", [2, 4, 6, 8, 16]),
    "annealed_vae": ("capacity", [5, 10, 25, 50, 75, 100]),
    "beta_tcvae": ("beta", [2, 4, 6, 8, 10]),
    "dip_vae_i": ("lambda_od", [1, 2, 5, 10, 20, 50]),
    "dip_vae_ii": ("lambda_od", [1, 2, 5, 10, 20, 50]),
}


@pytest.mark.parametrize("data", ["dSprites", "3D_teapot"])
def test_the_grid_of_the_vaes(data):
    experiment = load(f"VAE_{data}")
    runs, batches, images, values = GRIDS[f"FactorVAE_{data}"]
    configs = [task.config for task in experiment.grid().tasks]
    found = [(config.objective, config.weight, config.run) for config in configs]
    expected = [
        (name, weight, run)
        for name, (_, weights) in VAES.items()
        for weight in weights
        for run in range(runs)
    ]
    assert sorted(found, key=str) == sorted(
        [(name, weight and float(weight), run) for name, weight, run in expected], key=str
    )
    for config in configs:
        assert getattr(config, VAES[config.objective][0] or "beta") == config.weight
        assert {key: getattr(config, key) for key in values} == values
        assert config.epoch * (images // config.batch_size) == batches
        assert (config.vae_lr, config.gamma, config.capacity_batches) == (1e-4, None, None)


@pytest.mark.parametrize("name", GRIDS)
def test_the_papers_grid(name):
    runs, batches, images, values = GRIDS[name]
    experiment = load(name)
    assert experiment.num_images == images
    configs = [
        t.config for t in grid.load(ROOT / name / "config.py", experiment.schema, images).tasks
    ]
    weights = [1, 10, 20, 40] if name.startswith("FactorVAE") else [None]
    found = [(getattr(config, "tc_coe", None), config.run) for config in configs]
    assert sorted(found, key=str) == sorted(((w, r) for w in weights for r in range(runs)), key=str)
    for config in configs:
        assert {key: getattr(config, key) for key in values} == values
        assert config.epoch * (images // config.batch_size) == batches
        assert getattr(config, "generate", None) is None


def test_folder_name():
    experiment = load("InfoGAN-CR_3D_teapot")
    tasks = grid.load(ROOT / "InfoGAN-CR_3D_teapot" / "config.py", experiment.schema, 200_000).tasks
    assert tasks[3].name == (
        "cr_coe_increase-3.0,cr_coe_increase_batch-50000,cr_coe_increase_times-1,cr_coe_start-0.0,"
        "gap_decrease-1.9,gap_decrease_batch-85000,gap_decrease_times-1,gap_start-1.9,"
        "info_coe_de-0.2,info_coe_infod-0.2,run-3,"
    )
