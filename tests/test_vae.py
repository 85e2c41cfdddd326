"""The VAEs: objectives against plain NumPy and finite differences, runs, resume, exports, keys."""

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest

from disentanglement import engine
from disentanglement.algorithms import vae
from disentanglement.algorithms.autoencoder import Posterior, kl_divergence
from disentanglement.config import parse
from disentanglement.errors import UserError
from disentanglement.evaluation.evaluate import TrainingScores
from disentanglement.training import checkpoint, loop
from disentanglement.training.feed import Feed
from disentanglement.vae_config import OBJECTIVES, VAEConfig
from tests import golden, tiny
from tests.experiments import load
from tests.gradients import gradients
from tests.runs import events, rows
from tests.test_factor_vae import CONFIG as FACTOR_VAE

CONFIG = {key: value for key, value in FACTOR_VAE.items() if key != "tc_coe"}
BATCHES = 16
# A weight for each objective; the capacity rises over the whole tiny run.
SETTINGS = {
    "vae": {},
    "beta_vae": {"beta": 4.0},
    "annealed_vae": {"capacity": 5.0, "capacity_batches": 10, "gamma": 30.0},
    "beta_tcvae": {"beta": 6.0},
    "dip_vae_i": {"lambda_od": 5.0},
    "dip_vae_ii": {"lambda_od": 5.0, "lambda_d": 2.0},
}


def build(objective, **changes):
    config = VAEConfig(**(CONFIG | {"objective": objective} | SETTINGS[objective] | changes))
    return load("VAE_dSprites").build(config)


def train(folder, objective, **changes):
    model = build(objective, **changes)
    data = tiny.Bars()
    loop.train(model, data, Path(folder), TrainingScores(model, data, tiny.METRICS))
    return model


def arrays(n=7, k=3, seed=0):
    """Return means, log variances and noise [n, k] whose every term counts."""
    rng = np.random.default_rng(seed)
    return [rng.normal(0, std, (n, k)) for std in (1.2, 0.7, 1.0)]


# ---- the published formulas, in float64 ----------------------------------------------------------


def normal_kl(mean, log_variance):
    """KL(N(mean, var) || N(0, 1)), by integrating its definition."""
    grid = np.linspace(-12, 12, 1201)
    std = np.exp(log_variance / 2)
    log_q = -(((grid - mean) / std) ** 2) / 2 - np.log(std * np.sqrt(2 * np.pi))
    log_p = -(grid**2) / 2 - np.log(np.sqrt(2 * np.pi))
    return np.trapezoid(np.exp(log_q) * (log_q - log_p), grid)


def double_loop_tc(mean, log_variance, codes):
    """E log q(z) - sum_j log q(z_j), each a mean of densities over the batch, one by one."""

    def density(n, m, j):
        variance = np.exp(log_variance[m, j])
        exponent = -((codes[n, j] - mean[m, j]) ** 2) / (2 * variance)
        return np.exp(exponent) / np.sqrt(2 * np.pi * variance)

    n, k = mean.shape
    total = 0.0
    for i in range(n):
        joint = sum(np.prod([density(i, m, j) for j in range(k)]) for m in range(n)) / n
        marginals = [sum(density(i, m, j) for m in range(n)) / n for j in range(k)]
        total += np.log(joint) - sum(map(np.log, marginals))
    return total / n


def dip(matrix, lambda_od, lambda_d):
    """The penalty of DIP-VAE, entry by entry."""
    k = len(matrix)
    off = sum(matrix[i, j] ** 2 for i in range(k) for j in range(k) if i != j)
    return lambda_od * off + lambda_d * sum((matrix[i, i] - 1) ** 2 for i in range(k))


def expected(objective, reconstruction, mean, log_variance, codes):
    """The loss of an objective at the weights below."""
    n, k = mean.shape
    kl = sum(normal_kl(mean[i, j], log_variance[i, j]) for i in range(n) for j in range(k)) / n
    means = np.cov(mean, rowvar=False, bias=True)
    penalty = {
        "vae": 0.0,
        "beta_vae": (4 - 1) * kl,
        "annealed_vae": 30 * abs(kl - 1.5) - kl,
        "beta_tcvae": (6 - 1) * double_loop_tc(mean, log_variance, codes),
        "dip_vae_i": dip(means, 5, 50),
        "dip_vae_ii": dip(means + np.diag(np.exp(log_variance).mean(0)), 5, 2),
    }
    return reconstruction + kl + penalty[objective]


def computed(objective, reconstruction, mean, log_variance, codes):
    """The same by the code under test."""
    posterior = Posterior(mean, log_variance, codes, kl_divergence(mean, log_variance))
    bound = vae.Bound(reconstruction, keras.ops.sum(posterior.kl), posterior)
    return build(objective)._objective(bound, 1.5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_objective_is_the_published_formula(objective):
    mean, log_variance, noise = arrays()
    codes = mean + np.exp(log_variance / 2) * noise
    tensors = [keras.ops.convert_to_tensor(a, "float32") for a in (mean, log_variance, codes)]
    total, terms = computed(objective, 100.0, *tensors)
    np.testing.assert_allclose(
        total, expected(objective, 100.0, mean, log_variance, codes), rtol=1e-5
    )
    for name, value in {
        "vae/tc": double_loop_tc(mean, log_variance, codes),
        "vae/capacity": 1.5,
    }.items():
        if name in terms:
            np.testing.assert_allclose(terms[name], value, rtol=1e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_its_gradient_is_that_of_finite_differences(objective):
    mean, log_variance, noise = arrays(n=5)

    def loss(mean, log_variance):
        codes = mean + keras.ops.exp(log_variance / 2) * np.asarray(noise, np.float32)
        return computed(objective, 0.0, mean, log_variance, codes)[0]

    found = gradients(loss, mean, log_variance)
    step = 1e-5
    for which, array in enumerate((mean, log_variance)):
        for index in itertools.product(*map(range, array.shape)):
            values = []
            for sign in (1, -1):
                moved = [mean.copy(), log_variance.copy()]
                moved[which][index] += sign * step
                codes = moved[0] + np.exp(moved[1] / 2) * noise
                values.append(expected(objective, 0.0, *moved, codes))
            slope = (values[0] - values[1]) / (2 * step)
            np.testing.assert_allclose(found[which][index], slope, rtol=1e-3, atol=1e-3)


def test_a_capacity_below_and_above_the_divergence():
    for capacity, loss in ((2.0, 100 + 30 * 3), (5.0, 100), (9.0, 100 + 30 * 4)):
        total, terms = vae.annealed_vae(vae.Bound(100.0, 5.0, None), 30.0, capacity)
        assert float(total) == loss
        assert float(terms["vae/excess"]) == abs(5 - capacity)


def test_the_total_correlation_of_known_mixtures():
    def tc(mean, log_variance, codes):
        tensors = (np.asarray(a, np.float32) for a in (mean, log_variance, codes))
        posterior = Posterior(*tensors, kl=None)
        return float(vae.total_correlation(posterior))

    mean, log_variance, noise = arrays(n=40, k=4, seed=1)
    codes = mean + np.exp(log_variance / 2) * noise
    direct = double_loop_tc(mean, log_variance, codes)
    assert tc(mean, log_variance, codes) == pytest.approx(direct, rel=1e-4)
    # One latent has none, and neither have images that all have the same distribution.
    assert tc(mean[:, :1], log_variance[:, :1], codes[:, :1]) == pytest.approx(0, abs=1e-5)
    assert tc(np.zeros((9, 3)), np.zeros((9, 3)), noise[:9, :3]) == pytest.approx(0, abs=1e-5)
    # Two latents that always agree on which of N far apart images it is: log N.
    place = np.repeat(np.arange(8.0)[:, None] * 100, 2, axis=1)
    assert tc(place, np.zeros((8, 2)), place) == pytest.approx(np.log(8), rel=1e-5)


def test_a_distant_code_does_not_make_it_infinite():
    def tc(mean, log_variance):
        return vae.total_correlation(Posterior(mean, log_variance, mean[::-1] * 3, None))

    mean = np.array([[0.0, 0.0], [1e4, -1e4]], np.float32)
    log_variance = np.full((2, 2), -10, np.float32)
    assert np.isfinite(float(tc(mean, log_variance)))
    assert all(np.isfinite(slope).all() for slope in gradients(tc, mean, log_variance))


# ---- the same model in two ways ------------------------------------------------------------------


def weights_after(objective, batches=3, **changes):
    model = build(objective, **changes)
    model.connect(Feed(tiny.Bars(), on_device=False))
    for i in range(batches):
        model.train_block(np.arange(8)[None] + 8 * i, i)
    return [
        np.asarray(variable)
        for network in model.networks.values()
        for variable in network.variables
    ]


@pytest.fixture(scope="module")
def plain():
    return weights_after("vae")


@pytest.mark.parametrize(
    ("objective", "changes"),
    [
        ("beta_vae", {"beta": 1.0}),
        ("beta_tcvae", {"beta": 1.0}),
        ("dip_vae_i", {"lambda_od": 0.0}),
        ("dip_vae_ii", {"lambda_od": 0.0, "lambda_d": None}),
        ("dip_vae_ii", {"lambda_od": 0.0, "lambda_d": 0.0}),
    ],
)
def test_without_its_weight_it_is_a_vae(plain, objective, changes):
    for ours, theirs in zip(weights_after(objective, **changes), plain, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "vae"])
def test_with_it_it_is_not(plain, objective):
    assert any((a != b).any() for a, b in zip(weights_after(objective), plain, strict=True))


# ---- one iteration -------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_iteration_reports_every_term(objective):
    model, rng = build(objective), np.random.default_rng(0)
    for network in model.networks.values():  # larger weights, so that every term counts
        for variable in network.trainable_variables:
            variable.assign(rng.normal(0, 0.1, variable.shape))
    images = golden.images(8)
    noise, *_ = model.draw(3, 8)
    mean, log_variance = np.split(model._distribution(images).astype(float), 2, axis=1)
    codes = mean + np.exp(log_variance / 2) * noise
    logits = engine.compile_inference(model.networks["decoder"])(codes.astype(np.float32))
    p = 1 / (1 + np.exp(-logits.astype(float)))
    cross_entropy = -(images * np.log(p) + (1 - images) * np.log(1 - p))
    reconstruction = cross_entropy.reshape(8, -1).sum(1).mean()
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    bound = reconstruction + kl.sum(1).mean()
    covariance = np.cov(mean, rowvar=False, bias=True)
    second = covariance + np.diag(np.exp(log_variance).mean(0))
    off = [(m**2).sum() - (np.diag(m) ** 2).sum() for m in (covariance, second)]
    on = [((np.diag(m) - 1) ** 2).sum() for m in (covariance, second)]
    tc, excess = double_loop_tc(mean, log_variance, codes), abs(kl.sum(1).mean() - 1.5)
    own = {
        "vae": {"vae/total": bound},
        "beta_vae": {"vae/total": bound + 3 * kl.sum(1).mean()},
        "annealed_vae": {
            "vae/excess": excess, "vae/capacity": 1.5, "vae/total": reconstruction + 30 * excess,
        },
        "beta_tcvae": {"vae/tc": tc, "vae/total": bound + 5 * tc},
        "dip_vae_i": {
            "vae/off_diagonal": off[0], "vae/diagonal": on[0],
            "vae/total": bound + 5 * off[0] + 50 * on[0],
        },
        "dip_vae_ii": {
            "vae/off_diagonal": off[1], "vae/diagonal": on[1],
            "vae/total": bound + 5 * off[1] + 2 * on[1],
        },
    }  # fmt: skip
    shared = {"vae/reconstruction": reconstruction, "vae/kl": kl.sum(1).mean(), "kl": kl.mean(0)}
    model.connect(Feed(golden.Images(images), on_device=False))
    report = golden.iterate(model, None, images, *model.draw(3, 8))
    assert report.keys() == shared.keys() | own[objective].keys()
    for name, value in (shared | own[objective]).items():
        np.testing.assert_allclose(report[name], value, rtol=2e-4, err_msg=name)


def test_the_capacity_rises_and_stays():
    model = build("annealed_vae")
    found = [float(model.draw(i, 4)[1]) for i in (0, 1, 5, 10, 11, 10_000)]
    np.testing.assert_allclose(found, [0, 0.5, 2.5, 5, 5, 5])
    paper = VAEConfig(**CONFIG, objective="annealed_vae", capacity=25.0)
    assert [paper.capacity_at(i) for i in (50_000, 100_000)] == [12.5, 25]
    assert paper.gamma_or_default == 1000


def test_the_default_weight_of_the_diagonal():
    weights = [
        VAEConfig(**CONFIG, objective=name, lambda_od=3.0) for name in ("dip_vae_i", "dip_vae_ii")
    ]
    assert [config.lambda_d_or_default for config in weights] == [30, 3]


# ---- whole runs ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def annealed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vae")
    return train(folder, "annealed_vae"), folder


def assert_same_checkpoint(folder, other):
    path = f"checkpoint/{checkpoint.FILE}"
    with np.load(folder / path) as ours, np.load(other / path) as theirs:
        assert ours.files == theirs.files
        for name in ours.files:
            if name != "meta.json":
                np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert rows(folder)[-1] == rows(other)[-1]


def test_a_resumed_run_ends_as_an_uninterrupted_one(annealed, tmp_path):
    train(tmp_path, "annealed_vae", max_batches=7)  # while the capacity rises
    train(tmp_path, "annealed_vae")
    assert_same_checkpoint(tmp_path, annealed[1])


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["beta_tcvae", "dip_vae_ii"])
def test_so_does_one_whose_objective_compares_images(objective, tmp_path):
    train(tmp_path / "whole", objective)
    train(tmp_path / "parts", objective, max_batches=7)
    train(tmp_path / "parts", objective)
    assert_same_checkpoint(tmp_path / "parts", tmp_path / "whole")


def test_files_of_a_run(annealed):
    model, folder = annealed
    scalars = set(events(folder).Tags()["scalars"])
    assert set(model.progress.values()) | {"vae/excess", "vae/capacity"} <= scalars
    names = {path.name for path in folder.iterdir()}
    assert {"encoder.keras", "generator.keras", "traversal.png", "metric.csv"} <= names
    assert list(folder.glob("sample/*,reconstructed.png"))
    images = tiny.Bars().images(np.arange(8))
    mean, log_variance = keras.models.load_model(folder / "encoder.keras")(images)
    ours = model._distribution(images)
    np.testing.assert_allclose(np.concatenate([mean, log_variance], axis=1), ours, atol=1e-5)
    np.testing.assert_array_equal(model.best_codes(images), ours[:, :4])
    codes = model.latent.sample(np.random.default_rng(0), 8)
    made = keras.models.load_model(folder / "generator.keras")(codes)
    np.testing.assert_allclose(made, model.generate(codes), atol=1e-5)


def test_names_in_tables():
    names = {name: build(name).name_after(9) for name in OBJECTIVES}
    assert names == {
        "vae": "VAE",
        "beta_vae": "beta-VAE (4)",
        "annealed_vae": "AnnealedVAE (5, gamma 30)",
        "beta_tcvae": "beta-TCVAE (6)",
        "dip_vae_i": "DIP-VAE-I (5)",
        "dip_vae_ii": "DIP-VAE-II (5, lambda_d 2)",
    }
    assert build("beta_vae", codes="mean").name_after(9) == "beta-VAE (4), means as codes"
    assert build("annealed_vae", gamma=None).name_after(9) == "AnnealedVAE (5)"


@pytest.mark.skipif(engine.NAME != "JAX", reason="stacks need JAX")
def test_a_stack_gives_what_each_run_gives_alone():
    stacked, alone = ([build("annealed_vae", run=seed) for seed in (3, 4)] for _ in range(2))
    rows = np.arange(12).reshape(3, 4)
    for model in (*stacked, *alone):
        model.connect(Feed(tiny.Bars(), on_device=True))
    reports = type(stacked[0]).train_stack(stacked, [rows, rows], 0)
    for model, report in zip(alone, reports, strict=True):
        for name, value in model.train_block(rows, 0).items():
            np.testing.assert_allclose(report[name], value, rtol=1e-3, atol=1e-3, err_msg=name)


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "beta_vea"}, "not 'beta_vea'; did you mean 'beta_vae'?"),
        ({"objective": "beta-TCVAE"}, "not 'beta-TCVAE'; did you mean 'beta_tcvae'?"),
        ({"objective": "beta_vae"}, "objective 'beta_vae' needs a value of 'beta'"),
        ({"objective": "dip_vae_i"}, "objective 'dip_vae_i' needs a value of 'lambda_od'"),
        (
            {"objective": "vae", "beta": 4.0},
            "objective 'vae' takes no 'beta' (beta_vae and beta_tcvae do): leave it out, or set it "
            "to None",
        ),
        (
            {"objective": "beta_vae", "beta": 4.0, "capacity": 5.0},
            "objective 'beta_vae' takes no 'capacity' (annealed_vae does): leave it out",
        ),
        ({"objective": "beta_vae", "beta": -1.0}, "'beta' must be at least 0, not -1.0"),
        *(
            (
                {"objective": name, "batch_size": 1} | SETTINGS[name],
                f"objective '{name}' estimates {OBJECTIVES[name].estimates} within a batch: "
                "'batch_size' must be at least 2, not 1",
            )
            for name in ("beta_tcvae", "dip_vae_i", "dip_vae_ii")
        ),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(changes, message):
    with pytest.raises(UserError) as error:
        parse(VAEConfig, CONFIG | changes, "config.py: test_config")
    assert str(error.value).startswith("config.py: test_config: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("objective", ["vae", "beta_vae", "annealed_vae"])
def test_the_others_take_a_batch_of_one(objective):
    model = build(objective, batch_size=1)
    model.connect(Feed(tiny.Bars(), on_device=False))
    report = model.train_block(np.array([[5]]), 0)
    assert all(np.isfinite(value).all() for value in report.values())
