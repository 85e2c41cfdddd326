"""CdSprites: its images by number, its file, the protocol of its metrics, overlays."""

import runpy
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from disentanglement import console
from disentanglement.data import sets
from disentanglement.data.cdsprites import dataset as cdsprites
from disentanglement.data.cdsprites.render import render
from disentanglement.data.dataset import DrawsMetricImages, FactorGrid
from disentanglement.data.fit import ImageFormat
from disentanglement.data.image_set import GridSet
from disentanglement.errors import UserError
from disentanglement.training.overlays import centers, shaded
from disentanglement.training.position import Plan
from tests.experiments import ROOT, load

DEFAULT = SimpleNamespace(data_dir=None)
IMAGES = render()


def where(angle, radius):
    """The centre of the disc of an image, x and y."""
    t = 2 * np.pi * angle / 40
    return 32 + radius * np.cos(t), 32 + radius * np.sin(t)


# ---- images -------------------------------------------------------------------------------------


def test_every_image_is_a_disc_where_it_belongs():
    """Pixel (r, c) lies at (c, r), as Pillow draws, which rounds the disc's square to pixels."""
    assert IMAGES.shape == (1080, 64, 64)
    assert IMAGES.dtype == np.uint8
    rows, columns = np.mgrid[:64, :64]
    for angle in range(40):
        for radius in range(27):
            x, y = where(angle, radius)
            distance = np.hypot(columns - x, rows - y)
            image = IMAGES[27 * angle + radius]
            assert image[distance < 4].all()
            assert not image[distance > 6.8].any()


def test_the_centres_of_mass():
    rows, columns = np.mgrid[:64, :64]
    mass = IMAGES.sum(axis=(1, 2))
    assert 90 < mass.min() <= mass.max() < 110  # 25 pi = 78.5, and the rim
    for number in (0, 26, 27 * 10 + 20, 1079):
        x, y = where(*divmod(number, 27))
        assert (IMAGES[number] * columns).sum() / mass[number] == pytest.approx(x, abs=1)
        assert (IMAGES[number] * rows).sum() / mass[number] == pytest.approx(y, abs=1)


def test_as_a_data_set():
    data = cdsprites.CdSprites(IMAGES)
    assert isinstance(data, FactorGrid)
    assert isinstance(data, DrawsMetricImages)
    assert data.index(np.array([[0, 0], [3, 5], [39, 26]])).tolist() == [0, 86, 1079]
    images = data.images(np.array([86]))
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images[0, ..., 0], IMAGES[86])
    np.testing.assert_array_equal(np.asarray(data.unpack(data.packed[86:87])), images)
    values = cdsprites.latents_values()
    assert values[86] == pytest.approx([2 * np.pi * 3 / 40, 5])


def test_the_metrics_images():
    """200 groups of 25 that share the angle or the radius; 108 images for the rest."""
    data = cdsprites.CdSprites(IMAGES)
    found = data.draw_images(np.random.default_rng(0))
    assert found["group"].shape == (200, 25)
    assert found["group_labels"][:3].tolist() == [0, 1, 0]
    for group, label in zip(found["group"], found["group_labels"], strict=True):
        factors = np.divmod(group, 27)
        assert len(np.unique(factors[label])) == 1
        assert len(np.unique(factors[1 - label])) > 5
    assert len(np.unique(found["reference"])) == len(found["sample"]) == 108
    np.testing.assert_array_equal(
        found["factors"], cdsprites.latents_values()[found["sample"]].reshape(108, 2)
    )
    assert found["continuous"].tolist() == [True, True]
    assert found["factor_names"] == ["angle", "radius"]


# ---- files --------------------------------------------------------------------------------------


def test_the_script_writes_what_is_read(tmp_path, monkeypatch, capsys):
    out = tmp_path / cdsprites.FILE
    script = ROOT / "CdSprites" / "generate_cdsprites.py"

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(script), *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(script), run_name="__main__")
        return stop.value.code

    assert run("--out", out) == 0
    assert "1,080 images" in capsys.readouterr().out
    np.testing.assert_array_equal(cdsprites.read(out), IMAGES)
    with np.load(out) as file:
        assert file["latents_values"].shape == (1080, 2)
    assert run("--out", out) == console.MISTAKE
    assert run("--out", out, "--force") == 0
    assert run("--out", tmp_path / "a.npy") == console.MISTAKE


def test_where_the_file_is_looked_for(tmp_path):
    experiment = tmp_path / "Experiment"
    experiment.mkdir()
    said = []
    assert cdsprites.find(DEFAULT, experiment) is None
    data = cdsprites.load_for(DEFAULT, experiment, said.append)
    assert said == ["CdSprites drawn now"]
    np.testing.assert_array_equal(data.pixels[..., 0], IMAGES)
    shared = tmp_path / "data" / "CdSprites" / cdsprites.FILE
    cdsprites.write(shared)
    assert cdsprites.find(DEFAULT, experiment) == shared
    own = experiment / "data" / "CdSprites" / cdsprites.FILE
    own.parent.mkdir(parents=True)
    shutil.copyfile(shared, own)
    assert cdsprites.find(DEFAULT, experiment) == own
    with pytest.raises(UserError, match="no cdsprites_ndarray.* in .*nowhere, which data_dir"):
        cdsprites.find(SimpleNamespace(data_dir="../nowhere"), experiment)


def test_the_authors_file_has_a_pickle_that_stays_unopened(tmp_path):
    path = tmp_path / cdsprites.FILE
    values, metadata = cdsprites.latents_values(), np.array({"title": "..."}, object)
    images = IMAGES.astype(np.int64)
    np.savez(path, imgs=images, latents_values=values, metadata=metadata, allow_pickle=True)
    np.testing.assert_array_equal(cdsprites.read(path), IMAGES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imgs": IMAGES[:-1]}, r"imgs are uint8 \(1079, 64, 64\)"),
        ({"imgs": IMAGES * np.uint8(255)}, "other values than 0 and 1"),
        ({"latents_values": np.zeros((1080, 2))}, "not in CdSprites' order"),
        ({"latents_values": np.zeros((1080, 3))}, r"latents_values are \(1080, 3\)"),
    ],
)
def test_other_files_are_one_line(tmp_path, change, message):
    path = tmp_path / cdsprites.FILE
    np.savez(path, **({"imgs": IMAGES, "latents_values": cdsprites.latents_values()} | change))
    with pytest.raises(UserError, match=message):
        cdsprites.read(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="damaged or in the wrong format"):
        cdsprites.read(path)


def test_by_name_for_any_experiment(tmp_path):
    found = sets.find("CdSprites", None, tmp_path)
    assert (found.name, found.images, found.shape) == ("cdsprites", 1080, (64, 64, 1))
    assert isinstance(found.dataset(ImageFormat(), lambda line: None), cdsprites.CdSprites)
    small = found.dataset(ImageFormat(32, (3,), -1.0, 1.0), lambda line: None)
    assert isinstance(small, GridSet)
    assert small.image_shape == (32, 32, 3)


# ---- the experiment -----------------------------------------------------------------------------


def test_the_grid_of_the_papers_code():
    tasks = load("InfoGAN-CR_CdSprites").grid().tasks
    config = tasks[0].config
    assert [task.config.run for task in tasks] == list(range(10))
    assert (config.uniform_reg_dim, config.uniform_not_reg_dim) == (2, 5)
    assert (config.info_coe_de, config.info_coe_infod, config.cr_coe_increase) == (0.2, 0.2, 2.0)
    assert (config.epoch, config.batch_size, config.cr_coe_increase_batch) == (8000, 30, 216_000)
    assert Plan.of(config, 1080).total == 288_000


def test_epochs_between_reports():
    config = load("InfoGAN-CR_CdSprites").grid().tasks[0].config
    plan = Plan.of(config, 1080)
    assert (plan.batches_per_epoch, plan.epoch_freq) == (36, 50)
    reported = [i for i in range(4000) if plan.reports_epoch(i)]
    assert reported == [1799, 3599]
    assert plan.reports_epoch(plan.total - 1)
    assert plan.ends_epoch(35)
    every = Plan(36, 90)
    assert [i for i in range(90) if every.reports_epoch(i)] == [35, 71, 89]
    assert [i for i in range(90) if every.ends_epoch(i)] == [35, 71, 89]


# ---- overlays -----------------------------------------------------------------------------------


def test_an_overlay_grows_brighter():
    images = np.zeros((4, 2, 8, 8, 1))
    for value in range(4):
        images[value, :, value, :] = 3.0  # scaled to 1
    picture = shaded(images)
    assert picture.shape == (2, 8, 8, 1)
    assert picture[0, :, 0, 0].tolist() == [64, 128, 191, 255, 0, 0, 0, 0]
    images[3] = 0  # an image without contrast is black
    assert shaded(images)[1, :, 5, 0].tolist() == [64, 128, 191, 0, 0, 0, 0, 0]


def test_the_overlay_of_all_radii():
    """One angle: a bar from the centre to the right, which grows brighter."""
    picture = shaded(IMAGES[:27, ..., None])[..., 0]
    middle = picture[32, 32:63].astype(int)
    assert (np.diff(middle) >= 0).all()
    assert middle[-1] == 255
    assert not picture[:26].any()


def test_centres_of_samples():
    numbers = [0, 20, 20, 27 * 10 + 20]
    picture = centers(IMAGES[numbers][..., None].astype(float))
    assert np.argwhere(picture[..., 0] == 255).tolist() == [[32, 52]]
    assert (picture == 128).sum() == 2
    assert centers(np.zeros((3, 5, 5, 1)))[2, 2, 0] == 255
