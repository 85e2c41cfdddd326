"""FactorVAE: losses against plain NumPy, codes, resume, exports, learning, stacks."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from disentanglement import engine
from disentanglement.config import FactorVAEConfig, parse
from disentanglement.errors import UserError
from disentanglement.evaluation import final_metrics, table
from disentanglement.evaluation.evaluate import TrainingScores
from disentanglement.metrics.suite import METRICS
from disentanglement.streams import stream
from disentanglement.training import checkpoint, loop, visualize
from disentanglement.training.feed import Feed
from tests import golden, pictures, tiny
from tests.experiments import load
from tests.runs import events, rows

INFOGAN = ("info_", "de_lr", "infod_", "crd_", "cr_coe", "gap_", "uniform_", "q_l_dim")
CONFIG = {key: value for key, value in tiny.CONFIG.items() if not key.startswith(INFOGAN)}
CONFIG |= {"epoch": 1, "tc_coe": 3.0, "gaussian_dim": 4, "metric_freq": 6}
BATCHES = 16


def build(**changes):
    config = FactorVAEConfig(**(CONFIG | changes))
    return load("FactorVAE_dSprites").build(config)


def train(folder, **changes):
    model = build(**changes)
    data = tiny.Bars()
    loop.train(model, data, Path(folder), TrainingScores(model, data, tiny.METRICS))
    return model


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("factor_vae")
    return train(folder), folder


def test_losses_match_plain_numpy():
    model, rng = build(), np.random.default_rng(0)
    for network in model.networks.values():  # larger weights, so that every term counts
        for variable in network.trainable_variables:
            variable.assign(rng.normal(0, 0.1, variable.shape))
    images = golden.images(8)
    noise, tc_noise, permutation = model.draw(0, 8)
    mean, log_variance = np.split(model._distribution(images), 2, axis=1)
    logits_of = engine.compile_inference(model.networks["decoder"])
    tc_logits = engine.compile_inference(model.networks["tc_discriminator"])
    codes = mean + np.exp(log_variance / 2) * noise
    p = 1 / (1 + np.exp(-logits_of(codes).astype(float)))
    cross_entropy = -(images * np.log(p) + (1 - images) * np.log(1 - p))
    kl = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance))
    tc = tc_logits(codes)
    expected = {
        "vae/reconstruction": cross_entropy.reshape(8, -1).sum(1).mean(),
        "vae/kl": kl.sum(1).mean(),
        "kl": kl.mean(0),
        "vae/tc": (tc[:, 0] - tc[:, 1]).mean(),
    }
    expected["vae/total"] = (
        expected["vae/reconstruction"] + expected["vae/kl"] + 3 * expected["vae/tc"]
    )
    model.connect(Feed(golden.Images(images), on_device=False))
    report = golden.iterate(model, None, images, noise, tc_noise, permutation)
    for name, value in expected.items():
        np.testing.assert_allclose(report[name], value, rtol=1e-4, err_msg=name)


def test_each_latent_is_permuted_on_its_own():
    _, _, permutation = build().draw(5, 64)
    assert (np.sort(permutation, axis=0) == np.arange(64)[:, None]).all()
    assert len({tuple(column) for column in permutation.T}) == 4
    noise, tc_noise, again = build().draw(5, 64)
    np.testing.assert_array_equal(permutation, again)
    assert abs(np.corrcoef(noise.ravel(), tc_noise.ravel())[0, 1]) < 0.3


def test_sampled_codes_are_repeatable_samples():
    sampled, mean = build(), build(codes="mean")
    images = golden.images(512)
    np.testing.assert_array_equal(sampled.encode(images), sampled.encode(images))
    some = [300, 7]  # with other images in the batch
    np.testing.assert_allclose(
        sampled.encode(images[some]), sampled.encode(images)[some], atol=1e-6
    )
    # Untrained, the variance is nearly 1 and the means nearly 0.
    noise = sampled.encode(images) - mean.encode(images)
    assert abs(noise.std() - 1) < 0.05
    assert abs(noise.mean()) < 0.05
    other = golden.images(1024)[512:]
    shared = np.corrcoef(noise.ravel(), (sampled.encode(other) - mean.encode(other)).ravel())
    assert abs(shared[0, 1]) < 0.1


def test_codes_must_be_sampled_or_mean():
    with pytest.raises(UserError, match="'codes' must be 'sampled' or 'mean', not 'median'"):
        parse(FactorVAEConfig, CONFIG | {"codes": "median"}, "config.py")


def test_a_resumed_run_ends_as_an_uninterrupted_one(finished, tmp_path):
    train(tmp_path, max_batches=7)
    train(tmp_path)
    path = f"checkpoint/{checkpoint.FILE}"
    with np.load(tmp_path / path) as ours, np.load(finished[1] / path) as theirs:
        assert ours.files == theirs.files
        for name in ours.files:
            if name != "meta.json":
                np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert rows(tmp_path)[-1] == rows(finished[1])[-1]


def test_files_of_a_run(finished):
    model, folder = finished
    # A tag that no report has would be left out of the progress line without a word.
    assert set(model.progress.values()) <= set(events(folder).Tags()["scalars"])
    names = {path.name for path in folder.iterdir()}
    assert {"encoder.keras", "generator.keras", "traversal.png", "metric.csv"} <= names
    images = tiny.Bars().images(np.arange(8))
    mean, log_variance = keras.models.load_model(folder / "encoder.keras")(images)
    ours = model._distribution(images)
    np.testing.assert_allclose(np.concatenate([mean, log_variance], axis=1), ours, atol=1e-5)
    codes = model.latent.sample(np.random.default_rng(0), 8)
    made = keras.models.load_model(folder / "generator.keras")(codes)
    np.testing.assert_allclose(made, model.generate(codes), atol=1e-5)
    (picture,) = folder.glob(f"sample/*global_id-{BATCHES - 1},reconstructed.png")
    pixels, info = pictures.read(picture)
    assert info["Description"] == (
        f"FactorVAE (3) on Bars, {BATCHES} batches, run 3; "
        "images of the data set above their reconstructions"
    )
    # vis_num_rep pairs of rows: labelled, the original above its reconstruction, and pairs apart.
    originals = tiny.Bars().images(stream(3, "reconstructed images").integers(64, size=6))
    both = visualize.to_bytes(np.stack([originals, model.reconstruct(originals)], axis=1))
    found = [pictures.places(pixels, tile) for tile in both.reshape(-1, 64, 64, 1)]
    tops, lefts = (sorted({place[i] for places in found for place in places}) for i in range(2))
    assert (len(tops), len(lefts)) == (4, 3)
    assert all((tops[i % 4], lefts[i // 4]) in places for i, places in enumerate(found))
    first, second, third = np.diff(tops)
    assert 64 < first == third < second
    assert all(pictures.has_text(pixels[top : top + 64, : lefts[0] - 1]) for top in tops)


def test_records_say_which_codes(finished, tmp_path):
    folder = shutil.copytree(finished[1], tmp_path / "run")
    metrics = {"mig": METRICS["mig"]}
    for codes, name in (("sampled", "FactorVAE (3)"), ("mean", "FactorVAE (3), means as codes")):
        assert not final_metrics.is_done(folder, metrics, build(codes=codes).config)
        final_metrics.score_run(build(codes=codes), tiny.Bars(), metrics, folder)
        file = "final_metrics_mean.json" if codes == "mean" else "final_metrics.json"
        found = json.loads((folder / file).read_text())
        assert found["model"]["codes"] == codes
        assert found["model"]["name"] == name
        assert final_metrics.is_done(folder, metrics, build(codes=codes).config)
    both = table.rows(list(table.find_records([folder]).values()))
    assert {row.model for row in both} == {"FactorVAE (3)", "FactorVAE (3), means as codes"}


def test_it_learns():
    model, data = build(vae_lr=1e-3, batch_size=16), tiny.Bars()
    model.connect(Feed(data, on_device=False))
    rng, losses = np.random.default_rng(0), []
    for i in range(60):
        report = model.train_block(rng.permutation(64)[None, :16], i)
        losses.append(float(report["vae/reconstruction"][0]))
    # At first every pixel costs log 2; bars cover only a few percent of an image.
    assert abs(losses[0] / (64 * 64 * np.log(2)) - 1) < 0.01
    assert losses[-1] < 0.4 * losses[0]


@pytest.mark.skipif(engine.NAME != "JAX", reason="stacks need JAX")
def test_a_stack_gives_what_each_run_gives_alone():
    stacked, alone = ([build(run=seed) for seed in (3, 4)] for _ in range(2))
    rows = np.arange(12).reshape(3, 4)
    for model in (*stacked, *alone):
        model.connect(Feed(tiny.Bars(), on_device=True))
    reports = type(stacked[0]).train_stack(stacked, [rows, rows], 0)
    for model, report in zip(alone, reports, strict=True):
        for name, value in model.train_block(rows, 0).items():
            np.testing.assert_allclose(report[name], value, rtol=1e-3, atol=1e-3, err_msg=name)
    assert abs(reports[0]["vae/tc"] - reports[1]["vae/tc"]).max() > 0
