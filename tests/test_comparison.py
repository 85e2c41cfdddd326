"""python -m disentanglement.compare: rows, strips and their order, and mistakes."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from disentanglement.algorithms.latent import GaussianLatent, JointLatent, UniformLatent
from disentanglement.experiments import comparison, pretrained
from disentanglement.experiments.pretrained import Pretrained
from tests import pictures, tiny
from tests.experiments import ROOT

RESULTS = ROOT / "results"
NAMES = ["InfoGAN-CR_dSprites/hour/run-0", "FactorVAE_dSprites/hour/run-0,tc_coe-10.0"]
# Codes by factors: which part of height (entropy 2) and position (entropy 1) each code tells.
INFORMATION = [[0.2, 0.0], [0.0, 0.9], [1.0, 0.1]]


class Shades:
    """A model whose image of a latent is three grey stripes, one for each code."""

    config = SimpleNamespace(run=0, output_reverse=False)

    def __init__(self, latent):
        self.latent = latent

    def generate(self, latents):
        stripes = 0.5 + latents[:, :3] / 8
        images = np.repeat(stripes[:, :, None], 64, axis=2)
        images = np.repeat(images, [22, 21, 21], axis=1)[..., None]
        images[:, 0, 0], images[:, 0, 1] = 0, 1  # so that scaling changes nothing
        return images.astype(np.float32)

    def best_codes(self, images):
        return np.array([[0.4, -0.8, 5.0]], np.float32)

    def name_after(self, batches):
        return "shades"


def shades(latent, name="mine", **protocol):
    evidence = {"mutual_information": INFORMATION, "entropy": [2.0, 1.0]}
    record = {
        "metrics": {"mig": {"evidence": evidence}},
        "protocol": {"dataset": "Bars", "factors": ["height", "position"]} | protocol,
    }
    experiment = SimpleNamespace(load=lambda config: tiny.Bars())
    return Pretrained(name, experiment, Shades(latent), 1200, {}, record)


GAUSSIAN = JointLatent(GaussianLatent(1), 3, UniformLatent(0))
UNIFORM = JointLatent(UniformLatent(1), 3, UniformLatent(2))


def frames(tile):
    """Return the five images of a strip."""
    return [tile[:, 65 * i : 65 * i + 64] for i in range(5)]


@pytest.mark.parametrize("latent", [GAUSSIAN, UNIFORM], ids=["VAE", "GAN"])
def test_a_models_row(latent):
    _, rows = comparison.compare([shades(latent)], tiny.Bars(), 42, codes=2)
    row = rows[1]
    assert row.label == "shades, 1,200 batches"
    assert list(row.headings) == ["code_1: position 0.90", "code_2: height 0.50"]
    values = latent.code.sweep(5)
    # The image's codes; a code beyond the range of its strip is cut off there.
    base = np.clip([0.4, -0.8, 5.0], values[0], values[-1])
    for tile, varied in zip(row.tiles, (1, 2), strict=True):
        for frame, value in zip(frames(tile), values, strict=True):
            codes = base.copy()
            codes[varied] = value
            stripes = frame[[10, 30, 60], 10, 0] / 255
            np.testing.assert_allclose(stripes, 0.5 + codes / 8, atol=0.003)


def test_the_row_of_the_data_varies_each_factor_alone():
    data = tiny.Bars()
    number = comparison._usual(data)
    assert number == data.index(np.array([[5, 5]]))[0]
    _, rows = comparison.compare([shades(GAUSSIAN)], data, number, codes=3)
    assert list(rows[0].headings) == ["height", "position", ""]
    for tile, factor in zip(rows[0].tiles, (0, 1), strict=False):
        for frame, value in zip(frames(tile), (0, 2, 4, 5, 7), strict=True):
            classes = [5, 5]
            classes[factor] = value
            expected = data.images(data.index(np.array([classes])))[0]
            np.testing.assert_array_equal(frame, 255 * expected)
    assert (rows[0].tiles[2] == 255).all()


def test_data_without_a_grid_of_factors_show_the_image():
    class Images:
        """No factors."""

        name = "mine"

        def __len__(self):
            return 64

        def images(self, numbers):
            return tiny.Bars().images(numbers)

    _, (row, _) = comparison.compare([shades(GAUSSIAN)], Images(), 42, codes=2)
    np.testing.assert_array_equal(row.tiles[0][:, :64], 255 * tiny.Bars().images([42])[0])
    assert (row.tiles[0][:, 65:] == 255).all()


def test_the_command(tmp_path, capsys, monkeypatch):
    models = {name: shades(latent, name) for name, latent in (("a", GAUSSIAN), ("b", UNIFORM))}
    monkeypatch.setattr(pretrained, "load", lambda name, results: models[name])
    out = tmp_path / "picture.png"
    command = ["a", "b", "--out", str(out), "--codes", "2", "--image", "42"]
    monkeypatch.setattr(Pretrained, "title", property(lambda self: self.name))
    assert comparison.main(command) == 0
    assert capsys.readouterr().out == f"a\nb\ncomparison: {out}\n"
    pixels, info = pictures.read(out)
    assert info["Description"].startswith("What codes do to one image of Bars: image 42; ")
    _, rows = comparison.compare(list(models.values()), tiny.Bars(), 42, 2)
    places = [pictures.places(pixels, tile)[0] for row in rows for tile in row.tiles]
    assert places == sorted(places)
    assert all(pictures.has_text(pixels[top - 12 : top - 2, left:]) for top, left in places)
    assert comparison.main(command) == 2
    assert "exists: choose another name, or add --force" in capsys.readouterr().err
    assert comparison.main([*command, "--force"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "--out", "x.jpg"], "error: --out x.jpg: the name must end in .png\n"),
        (["a", "--image", "64"], "error: --image 64: the data set has images 0 to 63\n"),
        (
            ["a", "other"],
            "error: other is of 3D teapots, a of Bars: name models of one data set\n",
        ),
        (["a", "new"], "error: new: has no MIG score, which says what its codes tell\n"),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path, capsys, monkeypatch):
    models = {
        "a": shades(GAUSSIAN, "a"),
        "other": shades(GAUSSIAN, "other", dataset="Teapots"),
        "new": dataclasses.replace(shades(GAUSSIAN, "new"), score_record={}),
    }
    monkeypatch.setattr(pretrained, "load", lambda name, results: models[name])
    monkeypatch.chdir(tmp_path)
    assert comparison.main(words) == 2
    assert capsys.readouterr().err == message
    assert not list(tmp_path.iterdir())


def test_by_default_it_takes_all_final_models_on_dsprites(tmp_path, capsys):
    names = comparison._all(RESULTS)
    assert set(NAMES) <= set(names)
    assert not any("teapot" in name or "CelebA" in name or "global_id" in name for name in names)
    assert comparison.main(["--results", str(tmp_path)]) == 2
    assert "no scored models on dSprites" in capsys.readouterr().err


def test_the_published_picture_shows_the_published_models():
    with Image.open(RESULTS / "comparison.png") as picture:
        description, height = picture.info["Description"], picture.height
    assert description.startswith("What codes do to one image of dSprites")
    rows = len(comparison._all(RESULTS)) + 1
    assert height == 70 + 83 * rows  # the title and margins; tiles with headings and borders
