"""CelebA: images and stand-ins, networks, an iteration, traversals, the whole experiment."""

import itertools
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops
from PIL import Image

from disentanglement import engine
from disentanglement.algorithms.latent import JointLatent, UniformLatent
from disentanglement.config import CelebAConfig
from disentanglement.data.celeba import faces
from disentanglement.data.celeba.dataset import CelebA, StandInFaces, load_for, read
from disentanglement.errors import UserError
from disentanglement.evaluation import animation, latent_trans
from disentanglement.metrics.random_features import random_feature_frechet, random_feature_kid
from disentanglement.networks import random_network
from disentanglement.training.feed import Feed
from tests import pictures, tiny
from tests.experiments import ROOT, load
from tests.gradients import gradients

CONFIG = {key: value for key, value in tiny.CONFIG.items() if key != "q_l_dim"}
CONFIG |= {"uniform_reg_dim": 5, "uniform_not_reg_dim": 100, "cr_coe_increase_batch": 1}


def build(**changes):
    return load("InfoGAN-CR_CelebA").build(CelebAConfig(**(CONFIG | changes)))


def pixels(n=64):
    return faces.render(faces.sample_latents(np.random.default_rng(0), n))


# ---- data ---------------------------------------------------------------------------------------


def test_images_range_from_minus_one_to_one():
    data = CelebA(np.arange(3072, dtype=np.int64).reshape(1, 32, 32, 3).astype(np.uint8))
    (image,) = data.images(np.array([0]))
    assert image.dtype == np.float32
    assert (image.min(), image.max()) == (-1, 1)
    np.testing.assert_allclose(image, data.pixels[0] / 255 * 2 - 1, atol=1e-6)
    unpack = engine.compile_step(data.unpack, [])
    np.testing.assert_allclose(unpack(data.packed), image[None], atol=1e-6)


def save_npy(path, **arrays):
    np.save(path.with_suffix(".npy"), arrays["imgs"])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed, save_npy])
def test_npz_and_npy_are_read(tmp_path, save):
    images = pixels(5)
    folder = tmp_path / "data" / "CelebA"
    folder.mkdir(parents=True)
    save(folder / "data.npz", imgs=images)
    experiment = tmp_path / "InfoGAN-CR_CelebA"
    found = load_for(SimpleNamespace(data_dir=None, generate=3), experiment)
    assert type(found) is CelebA
    np.testing.assert_array_equal(found.pixels, images)


def test_a_single_array_may_have_any_name(tmp_path):
    np.savez(tmp_path / "a.npz", arr_0=pixels(2))
    assert len(read(tmp_path / "a.npz")) == 2
    np.savez(tmp_path / "b.npz", x=pixels(2), y=np.zeros(2))
    with pytest.raises(UserError, match="holds x, y but no array 'imgs'"):
        read(tmp_path / "b.npz")


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 64, 64, 3), np.uint8), r"uint8 \(2, 64, 64, 3\): must be"),
        (np.zeros((2, 32, 32, 3)), "float64"),
        (np.zeros((0, 32, 32, 3), np.uint8), r"\(0, 32, 32, 3\)"),
        (np.zeros(2, object), "objects"),
    ],
)
def test_wrong_files_are_one_line(tmp_path, name, images, message):
    path = tmp_path / name
    np.savez(path, imgs=images) if name.endswith("z") else np.save(path, images)
    with pytest.raises(UserError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
@pytest.mark.parametrize("length", [0, 5, 60, 3000])
def test_truncated_files_are_one_line(tmp_path, name, length):
    path = tmp_path / name
    np.savez(path, imgs=pixels(2)) if name.endswith("z") else np.save(path, pixels(2))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match="damaged or in the wrong format"):
        read(path)


def test_without_data(tmp_path):
    experiment, said = tmp_path / "InfoGAN-CR_CelebA", []
    with pytest.raises(
        UserError, match=r"no CelebA \(data.npz or data.npy\) in .*: get img_align_celeba"
    ) as error:
        load_for(SimpleNamespace(data_dir=None, generate=None), experiment)
    for place in (experiment / "data/celeba", tmp_path / "data/celeba", tmp_path / "data/CelebA"):
        assert str(place) in str(error.value)
    data = load_for(SimpleNamespace(data_dir=None, generate=30), experiment, said.append)
    assert type(data) is StandInFaces
    assert len(data) == 30
    assert "using 30 rendered stand-in faces" in said[0]
    again = load_for(SimpleNamespace(data_dir=None, generate=30), experiment, said.append)
    np.testing.assert_array_equal(again.pixels, data.pixels)


def test_every_latent_of_a_stand_in_face_is_visible():
    middle = np.full((1, len(faces.NAMES)), 0.5)
    for j, name in enumerate(faces.NAMES):
        ends = np.repeat(middle, 2, axis=0)
        ends[:, j] = 0.1, 0.7  # hue is cyclic
        low, high = faces.render(ends).astype(int)
        changed = np.abs(low - high).max(axis=-1) > 15
        assert 0.01 < changed.mean() < 0.9, name
    bright = faces.render(np.eye(len(faces.NAMES))[[0]] * 0.999)[0, 16:20, 14:18].mean()
    dark = faces.render(np.zeros((1, len(faces.NAMES))))[0, 16:20, 14:18].mean()
    assert bright > dark + 60  # skin


# ---- networks -----------------------------------------------------------------------------------


def parameters(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_parameters_counted_by_hand():
    """The paper's table: 32x32x3, 5 codes, 100 noise variables."""
    network = build().networks

    def conv(*channels):
        return sum(25 * a * b + b for a, b in itertools.pairwise(channels))

    flat = 2 * 2 * 512
    assert parameters(network["generator"]) == (
        (105 * 1024 + 3 * 1024) + (1024 * 4096 + 3 * 4096)
        + conv(256, 128, 64, 3) + 2 * (128 + 64)
    )  # fmt: skip
    trunk = conv(3, 64, 128, 256, 512)
    assert parameters(network["discriminator"]) == trunk + (flat + 1) + (flat * 5 + 5)
    assert parameters(network["cr_discriminator"]) == (
        conv(6, 64, 128, 256, 512) + 2 * (128 + 256 + 512) + (flat * 5 + 5)
    )


def test_layer_order():
    network = build().networks
    norm = "BatchNormalization"
    assert kinds(network["generator"]) == [
        "InputLayer", *["Dense", norm, "ReLU"] * 2, "Reshape",
        *["Conv2DTranspose", norm, "ReLU"] * 2, "Conv2DTranspose", "Activation",
    ]  # fmt: skip
    assert kinds(network["cr_discriminator"]) == [
        "InputLayer", "Conv2D", "LeakyReLU", *["Conv2D", norm, "LeakyReLU"] * 3, "Flatten", "Dense",
    ]  # fmt: skip
    d = network["discriminator"]
    assert kinds(d)[:10] == ["InputLayer", *["SpectralConv2D", "LeakyReLU"] * 4, "Flatten"]
    spectral = {weight.path.split("/")[-2] for weight in d.weights if weight.name == "u"}
    assert spectral == {"conv1", "conv2", "conv3", "conv4", "real", "q"}
    h = network["cr_discriminator"]
    assert not any(weight.name == "u" for weight in h.weights)


def test_ranges_and_gradients():
    model = build()
    made = model.generate(model.latent.sample(np.random.default_rng(0), 6))
    assert made.shape == (6, 32, 32, 3)
    assert np.abs(made).max() < 1
    codes = model.encode(CelebA(pixels(4)).images(np.arange(4)))
    assert codes.shape == (4, 5)

    def loss(images):
        real, codes = model.discriminator(images, training=True)
        pair = model.cr_discriminator(ops.concatenate([images, made[:4]], axis=-1), training=True)
        return sum(ops.sum(value**2) for value in (real, codes, pair))

    (gradient,) = gradients(loss, CelebA(pixels(4)).images(np.arange(4)))
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


def test_an_iteration_moves_everything_and_h_trains_in_training_mode():
    """Before and after the contrastive term is switched on, values are finite and weights move."""
    model = build(batch_size=8)
    model.connect(Feed(CelebA(pixels()), on_device=False))
    h = model.cr_discriminator
    averages = [v for v in h.variables if "moving" in v.name]
    for global_id, learns in ((0, ("generator", "discriminator")), (1, tuple(model.networks))):
        model.start_batch(global_id)
        before = {id(v): np.asarray(v).copy() for v in model.variables}
        report = model.train_block(np.arange(8)[None], global_id)
        assert all(np.isfinite(value).all() for value in report.values())
        for name, network in model.networks.items():
            for v in network.trainable_variables:
                change = np.abs(np.asarray(v) - before[id(v)]).max()
                assert np.isfinite(change)
                # A bias before batch norm has no effect: its gradient is rounding noise.
                if name in learns and v.name != "bias":
                    assert change > 0, (global_id, v.path)
                if name not in learns:
                    assert change == 0, v.path
        moved = [np.abs(np.asarray(v) - before[id(v)]).max() > 0 for v in averages]
        assert all(moved) if global_id else not any(moved)


# ---- distances without labels -------------------------------------------------------------------


def test_known_distances():
    rng = np.random.default_rng(0)
    # Two normal distributions: |m|^2 + sum (s1 - s2)^2 per independent feature.
    a = rng.standard_normal((40_000, 3)) * [1, 2, 3]
    b = rng.standard_normal((40_000, 3)) * [2, 2, 1] + [0.5, 0, -1]
    both = np.concatenate([b, rng.standard_normal((40_000, 3)) * [2, 2, 1] + [0.5, 0, -1]])
    found = random_feature_frechet(a, both)
    assert found.distance == pytest.approx(0.25 + 1 + 1 + 0 + 4, rel=0.02)
    assert found.floor < 0.01
    assert (found.samples, list(found.scores("f"))) == (40_000, ["f.distance", "f.floor"])
    # KID by plain loops.
    x, y = rng.standard_normal((7, 2)), rng.standard_normal((16, 2)) + 1

    def kernel(p, q):
        return (p @ q / 2 + 1) ** 3

    def mean(values):
        return np.mean(list(values))

    expected = (
        mean(kernel(x[i], x[j]) for i in range(7) for j in range(7) if i != j)
        + mean(kernel(y[i], y[j]) for i in range(7) for j in range(7) if i != j)
        - 2 * mean(kernel(p, q) for p in x for q in y[:7])
    )
    assert random_feature_kid(x, y).distance == pytest.approx(expected)


def test_the_distances_grow_with_what_is_wrong():
    """Blur, noise and lost variety, each in steps; unseen images stay at the floor."""
    n, rng = 500, np.random.default_rng(0)
    data = CelebA(pixels(3 * n))

    def features(images):
        return random_network.describe(lambda i: images[i], np.arange(len(images)), (32, 32, 3))

    images = data.images(np.arange(3 * n))
    training, fresh = features(images[: 2 * n]), images[2 * n :]
    blurred = fresh
    worse = {"blur": [fresh], "noise": [fresh], "variety": [fresh]}
    for strength, kinds_left in ((0.1, 100), (0.3, 20), (0.8, 2)):
        for _ in range(2):
            blurred = (np.roll(blurred, 1, 1) + np.roll(blurred, -1, 1) + 2 * blurred) / 4
        worse["blur"].append(blurred.astype(np.float32))
        noisy = np.clip(fresh + strength * rng.standard_normal(fresh.shape), -1, 1)
        worse["noise"].append(noisy.astype(np.float32))
        worse["variety"].append(fresh[rng.integers(kinds_left, size=n)])
    for name, steps in worse.items():
        for metric in (random_feature_frechet, random_feature_kid):
            found = [metric(features(step), training) for step in steps]
            distances = [result.distance for result in found]
            assert distances == sorted(distances), (name, metric.__name__)
            assert distances[-1] > 3 * abs(found[0].floor), name
    assert random_feature_frechet(features(fresh), training).distance < 1.3 * found_floor(training)


def found_floor(training):
    return random_feature_frechet(training[: len(training) // 2], training).floor


RECORDED = [0.402098, 0.187073, 0.705479, 0.36729, 0.309177, 0.520816, 0.270575]


def test_the_random_network_is_the_same_everywhere():
    """Its weights come from NumPy; the features of a fixed image equal recorded numbers."""
    ramp = np.linspace(-1, 1, 3072, dtype=np.float32).reshape(1, 32, 32, 3)
    found = random_network.describe(lambda i: ramp[i], np.array([0]), (32, 32, 3))
    assert found.shape == (1, 896)
    np.testing.assert_allclose(found[0, [0, 1, 64, 130, 200, 500, 895]], RECORDED, rtol=1e-3)
    kernels = random_network.network((32, 32, 3)).trainable_variables
    for kernel in kernels[1:]:  # orthogonal columns
        columns = np.asarray(kernel).reshape(-1, kernel.shape[-1])
        product = columns.T @ columns / (2 / 1.04)
        np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)
    other = random_network.network((32, 32, 3)).trainable_variables
    for one, two in zip(kernels, other, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))


# ---- traversals ---------------------------------------------------------------------------------


def test_side_by_side():
    images = np.stack([np.full((2, 3, 3), value) for value in (-1.0, 0.0, 1.0)])
    picture = latent_trans.side_by_side(images)
    assert picture.shape == (2, 3 * 3 + 2 * 2, 3)
    assert picture[0, :, 0].tolist() == [0, 0, 0, 255, 255, 128, 128, 128, 255, 255, 255, 255, 255]


def test_an_animation_goes_there_and_back(tmp_path):
    images = np.zeros((25, 4, 8, 8, 3))
    images[7] = np.linspace(0, 1, 4)[:, None, None, None]  # row 1, column 2
    animation.save_webp(tmp_path / "a.webp", images, "code_0", np.linspace(-1, 1, 4), "a model")
    with Image.open(tmp_path / "a.webp") as found:
        assert found.n_frames == 6
        frames = []
        for number in range(6):
            found.seek(number)
            frames.append(np.asarray(found.convert("RGB")))
    for frame, level in zip(frames, [0, 85, 170, 255, 170, 85], strict=True):
        black, tile = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), level, np.uint8)
        corners = set(pictures.places(frame, black))
        tops, lefts = (sorted({corner[i] for corner in corners}) for i in range(2))
        assert (len(tops), len(lefts)) == (5, 5)
        assert (tops[1], lefts[2]) in pictures.places(frame, tile)
        assert len(corners) == 25 - (level > 0)
        assert pictures.has_text(frame[: tops[0] - 1])
    # The text names the value.
    assert (frames[0][: tops[0] - 1] != frames[1][: tops[0] - 1]).any()


def test_rows_of_a_traversal_move_one_latent(tmp_path):
    class Model:
        config = SimpleNamespace(output_reverse=False)
        latent = JointLatent(UniformLatent(1), 2, UniformLatent(3))

        def generate(self, latents):
            return latents[:, None, None, :]

    base = Model.latent.sample(np.random.default_rng(0), 4)
    images = latent_trans._traverse(Model(), base, 1)[:, :, 0, 0]
    assert images.shape == (4, 15, 5)
    np.testing.assert_allclose(images[:, :, 1], np.tile(np.linspace(-1, 1, 15), (4, 1)), atol=1e-6)
    np.testing.assert_array_equal(
        images[:, :, [0, 2, 3, 4]], base[:, None, [0, 2, 3, 4]].repeat(15, 1)
    )


# ---- the experiment -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    results = tmp_path_factory.mktemp("celeba")

    def run(script, *arguments, status=0):
        changes = [
            "max_batches=3", "cr_coe_increase_batch=1", "batch_size=4", "generate=60",
            f"data_dir={results / 'none'}", f"result_root_folder={results}",
        ]  # fmt: skip
        settings = [f"--set={pair}" for pair in changes]
        result = subprocess.run(
            [sys.executable, script, "--config", "config_quick.py", *settings, *arguments],
            cwd=ROOT / "InfoGAN-CR_CelebA",
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == status, result.stdout + result.stderr
        return result.stdout + result.stderr

    return run, results / "run-0,"


@pytest.mark.slow
def test_train_draw_and_score(commands):
    run, folder = commands
    assert "none of these runs has finished training" in run(
        "main_generate_latent_trans.py", status=2
    )
    trained = run("main.py")
    assert "using 60 rendered stand-in faces" in trained
    assert "finished" in trained
    assert not (folder / "metric.csv").exists()  # no metrics during training, as in the paper
    assert "drawn" in run("main_generate_latent_trans.py")
    drawn = folder / "latent_trans"
    assert {path.name for path in drawn.iterdir()} == (
        {f"latent{j}" for j in range(6)} | {f"latent{j}.webp" for j in range(6)}
        | {"overview.png", "about.json"}
    )  # fmt: skip
    for j in range(6):
        names = {path.name for path in (drawn / f"latent{j}").iterdir()}
        assert names == {f"sample{r}.png" for r in range(100)}
    title = "InfoGAN-CR on stand-in faces, 3 batches, run 0"
    assert pictures.read(drawn / "overview.png")[1]["Description"] == title
    with Image.open(drawn / "latent2" / "sample41.png") as picture:
        assert picture.size == (15 * 32 + 14 * 2, 32)
        shown = np.asarray(picture)
    assert (shown.min(), shown.max()) == (0, 255)
    assert all((shown[:, 34 * i + 32 : 34 * i + 34] == 255).all() for i in range(14))
    assert "0 to draw" in run("main_generate_latent_trans.py")
    run("main_final_metrics.py")
    found = json.loads((folder / "final_metrics.json").read_text())
    assert found["protocol"] == {"dataset": "StandInFaces", "images": 60, "reference": 6}
    assert set(found["scores"]) == {
        "random_feature_frechet.distance", "random_feature_frechet.floor",
        "random_feature_kid.distance", "random_feature_kid.floor", "dhsic",
    }  # fmt: skip
    assert found["scores"]["random_feature_frechet.distance"] > 1
    assert found["skipped"] == {}


@pytest.mark.slow
def test_resuming_and_scoring_with_other_data_are_refused(commands):
    run, folder = commands
    before = (folder / "checkpoint" / "model.npz").read_bytes()
    other = folder.parent / "other"
    other.mkdir()
    np.savez(other / "data.npz", imgs=pixels(60))
    message = run("main.py", f"--set=data_dir={other}", "--set=max_batches=4", status=1)
    assert "was trained on 60 images of StandInFaces" in message
    assert "the data are now 60 images of CelebA" in message
    (folder / "final_metrics.json").unlink()
    message = run("main_final_metrics.py", f"--set=data_dir={other}", status=1)
    assert "was trained on 60 images of StandInFaces" in message
    assert not (folder / "final_metrics.json").exists()
    assert (folder / "checkpoint" / "model.npz").read_bytes() == before
