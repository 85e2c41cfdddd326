"""From an encoder to a file of codes, to scores, to a row of the table."""

import json

import numpy as np
import pytest

from disentanglement.data.labelled import LabelledImages
from disentanglement.data.teapots.dataset import Teapots
from disentanglement.errors import UserError
from disentanglement.evaluation import evaluate, score_command, table
from disentanglement.evaluation.codes import save_codes
from tests.scores import read_tables
from tests.tiny import Bars

METRICS = "factor_vae,beta_vae,sap,mig,modularity,explicitness,dci_lasso"


def encode(images):
    """Return a bar's height and position, as codes."""
    bars = images[..., 0] > 0
    return np.stack([bars.any(axis=2).sum(axis=1), bars.any(axis=1).argmax(axis=1)], axis=1)


def score(file, out, metrics=METRICS):
    assert score_command.main([str(file), "--metrics", metrics, "--json", str(out)]) == 0
    return json.loads(out.read_text())


def printed(capsys, *files):
    capsys.readouterr()
    assert table.main([str(file) for file in files]) == 0
    return read_tables(capsys.readouterr().out)[0]


def test_scores_are_those_of_evaluate(tmp_path):
    names = METRICS.split(",")
    model = {"name": "Bar reader", "run": 2}
    save_codes(tmp_path / "codes.npz", encode, Bars(), seed=2, model=model)
    found = score(tmp_path / "codes.npz", tmp_path / "scores.json")
    expected = evaluate.evaluate(encode, Bars(), names, seed=2)
    assert found["scores"] == pytest.approx(expected["scores"])
    assert found["image_seed"] == 2
    assert found["protocol"].items() >= expected["protocol"].items()
    assert found["protocol"]["arrays"]["group_codes"] == [500, 100, 2]
    assert found["model"].items() >= model.items()


class DSprites(Bars):
    """A grid whose class has the name of the paper's data set."""


def test_a_row_with_the_models_name(tmp_path, capsys):
    for run in (0, 1):
        file = tmp_path / f"codes{run}.npz"
        save_codes(file, encode, DSprites(), run, model={"name": "Bar reader", "run": run})
        score(file, tmp_path / f"scores{run}.json")
    tables = printed(capsys, *tmp_path.glob("*.json"))
    (heading,) = (heading for heading in tables if "not comparable" in heading)
    assert "64 images, 6 reference images, 6 sample images" in heading
    (found,) = tables[heading][1:]
    assert found[:4] == ["ours", "Bar reader", "", "2"]
    assert float(found[4].split()[0]) == 1.0  # FactorVAE


def test_own_images_are_not_compared_with_the_paper(tmp_path, capsys):
    numbers = np.arange(64)
    factors = np.stack(np.unravel_index(numbers, (8, 8)), axis=1)
    dataset = LabelledImages(Bars().images(numbers), factors, ["height", "position"], groups=20)
    save_codes(tmp_path / "PCA.npz", encode, dataset)
    score(tmp_path / "PCA.npz", tmp_path / "scores.json", "mig")
    ((heading, (_, row)),) = printed(capsys, tmp_path / "scores.json").items()
    assert heading.startswith("**own images (height, position; 64 images)**: 20 groups of 100, ")
    assert row[:2] == ["ours", "PCA"]


def test_codes_without_a_description_stand_apart(tmp_path, capsys):
    save_codes(tmp_path / "a.npz", encode, DSprites())
    with np.load(tmp_path / "a.npz") as arrays:
        np.savez(tmp_path / "b.npz", **{name: arrays[name] for name in arrays if name != "about"})
    score(tmp_path / "b.npz", tmp_path / "scores.json", "mig")
    main, apart = printed(capsys, tmp_path / "scores.json")
    assert "none of our scores" in main
    assert apart == (
        "**Data set unknown, not comparable with the paper**: 500 groups of 100, 6 reference "
        "images, 6 sample images, 2 factors; the rows may be of different data sets"
    )


def test_teapots_bring_their_own_groups(tmp_path):
    rng = np.random.default_rng(0)
    latents, labels = rng.random((400, 2)), np.arange(30) % 2
    groups = rng.random((30, 9, 2))
    groups[np.arange(30), :, labels] = rng.random((30, 1))

    def draw(values):
        images = np.zeros((*values.shape[:-1], 64, 64, 3), np.uint8)
        images[..., 0, 0, :2] = values * 255
        return images

    dataset = Teapots(draw(latents), latents, draw(groups), labels, ["red", "green"])
    save_codes(tmp_path / "codes.npz", lambda images: images[:, 0, 0, :2], dataset)
    found = score(tmp_path / "codes.npz", tmp_path / "scores.json", "factor_vae,mig")
    assert found["scores"]["factor_vae"] == 1
    assert found["protocol"]["arrays"]["group_codes"] == [30, 9, 2]
    (alone,) = table.compare({tmp_path: found})
    assert alone.title == "3D teapots (red, green; 400 images)"
    assert alone.about == "30 groups of 9, 40 reference images, 40 sample images"
    assert [row.model for row in alone.rows] == ["codes"]


def test_factors_that_never_vary_are_left_out(tmp_path):
    class Coloured(Bars):
        factor_names = ("colour", "height", "position")
        factor_sizes = (1, 8, 8)
        factor_values = (np.zeros(1), np.arange(8.0), np.arange(8.0))
        continuous = (False, True, True)

    save_codes(tmp_path / "a.npz", encode, Coloured())
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["factors"].shape[1] == 2
        assert set(arrays["group_labels"]) == {0, 1}
        assert set(arrays.files) == {
            "group_codes", "group_labels", "reference_codes", "codes", "factors", "factor_ids",
            "continuous", "about",
        }  # fmt: skip


def test_an_earlier_file_is_kept(tmp_path):
    (tmp_path / "codes.npz").write_text("mine")
    save_codes(tmp_path / "codes.npz", encode, Bars())
    assert (tmp_path / "codes.old-1.npz").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("codes", {}, "the name must end in .npz"),
        ("codes.npz", {"seed": -1}, "seed -1: must be 0 or more"),
        ("codes.npz", {"model": {"name": object()}}, "must be JSON values"),
    ],
)
def test_mistakes_are_one_line(tmp_path, name, options, message):
    with pytest.raises(UserError, match=message):
        save_codes(tmp_path / name, encode, Bars(), **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("about", ["no JSON", "[]", '{"seed": 0}'])
def test_another_programs_array_named_about(tmp_path, about):
    save_codes(tmp_path / "a.npz", encode, Bars())
    with np.load(tmp_path / "a.npz") as arrays:
        np.savez(tmp_path / "b.npz", **{**arrays, "about": np.array(about)})
    found = score(tmp_path / "b.npz", tmp_path / "scores.json", "mig")
    assert found["model"]["name"] == "b"
    assert set(found["protocol"]) == {"arrays"}
