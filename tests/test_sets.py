"""The data seam: what --set data=NAME finds, how images are made to fit, where results go."""

import dataclasses
import types
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from disentanglement import records
from disentanglement.config import InfoGANCRConfig
from disentanglement.data import sets
from disentanglement.data.celeba.dataset import CelebA
from disentanglement.data.dataset import FactorGrid, HasMetricData, name_of
from disentanglement.data.dsprites.dataset import DSprites
from disentanglement.data.fit import ImageFormat, fitted
from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.image_set import TableSet, UnlabelledSet, dataset_of
from disentanglement.data.official import READERS
from disentanglement.errors import UserError
from disentanglement.evaluation.evaluate import describe, draw_images, evaluate
from disentanglement.experiments import cli
from disentanglement.experiments.experiment import _found as found_by_name
from disentanglement.experiments.grid import result_root
from disentanglement.experiments.load import load
from disentanglement.experiments.runs import RunFolder
from disentanglement.metrics.suite import METRICS as METRICS_BY_NAME
from tests import tiny
from tests.experiments import ROOT, bars_experiment

FORM, CELEBA = ImageFormat(), ImageFormat(32, (3,), -1.0, 1.0)
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 64, 64, 3), dtype=np.uint8)
METRICS = 'MetricLists({}, {name: ALL[name] for name in ("factor_vae", "dhsic", "sample_quality")})'


@pytest.fixture
def experiment(tmp_path):
    """A folder of experiments with data/mine (40 images, a factor) and data/grey (no factors)."""
    factors = np.stack([np.arange(40) % 4, np.arange(40) % 5], axis=1)
    for name, arrays in (
        ("mine", {"imgs": PIXELS, "factors": factors, "continuous": [False, True]}),
        ("grey", {"imgs": PIXELS[..., 0]}),
    ):
        (tmp_path / "data" / name).mkdir(parents=True)
        np.savez(tmp_path / "data" / name / "data.npz", **arrays)
    return bars_experiment("InfoGAN-CR_dSprites", tmp_path / "InfoGAN-CR_dSprites", METRICS)


def find(experiment, text, data_dir=None):
    return sets.find(text, data_dir, experiment)


# ---- where a set is -----------------------------------------------------------------------------


def test_a_name_or_a_path(experiment, tmp_path):
    place = tmp_path / "data" / "mine"
    for text in ("mine", "data/mine", "../data/mine", str(place)):
        found = find(experiment, text)
        assert (found.name, found.folder, found.images) == ("mine", None, 40)
        assert (found.shape, found.labelled) == ((64, 64, 3), True)
    own = experiment / "data" / "mine"
    own.mkdir(parents=True)
    np.savez(own / "data.npz", imgs=PIXELS[:30])
    assert find(experiment, "mine").images == 30  # the experiment's own data/ comes first
    elsewhere = tmp_path / "elsewhere" / "other"
    elsewhere.parent.mkdir()
    place.rename(elsewhere)
    assert find(experiment, str(elsewhere)).folder == elsewhere
    assert find(experiment, "other", elsewhere).images == 40
    assert find(experiment, "other", "../elsewhere").images == 40
    np.savez(tmp_path / "single.npz", imgs=PIXELS)
    assert find(experiment, "single.npz").name == "single"


def test_mistakes_are_one_line(experiment, tmp_path):
    (tmp_path / "data" / "raw").mkdir()
    (tmp_path / "data" / "begun" / ".parts").mkdir(parents=True)
    (tmp_path / "data" / "wide").mkdir()
    np.savez(tmp_path / "data" / "wide" / "data.npz", imgs=np.zeros((9, 64, 48), np.uint8))
    (tmp_path / "data" / "grey").rename(tmp_path / "data" / "quick")
    (tmp_path / "x").mkdir()
    (tmp_path / "data" / "mine").rename(tmp_path / "x" / "DSprites")
    for text, message in (
        ("min", "no data set 'min' in .*: data is one of dsprites, cdsprites, teapots"),
        ("dsprite", "did you mean 'dsprites'"),
        ("raw", r"raw holds no data.npz: prepare its pictures with: python -m .* prepare"),
        ("begun", "holds an unfinished set: run the same"),
        ("wide", "images are 64 x 48 x 1: must be square"),
        ("quick", "'quick' is the name of something else"),
        ("x/DSprites", "'DSprites' is the name of something else"),
    ):
        with pytest.raises(UserError, match=message) as error:
            find(experiment, text)
        assert "\n" not in str(error.value)


def test_results_of_each_set_have_a_folder_of_their_own():
    assert result_root("results/", "mine") == "results/mine"
    assert result_root("results/quick/", "mine") == "results/mine/quick"
    assert result_root("/runs", "mine") == "/runs/mine"
    assert result_root("../runs", "mine") == "../runs/mine"


def test_a_grid_on_another_set(experiment, tmp_path):
    ours = load(experiment)
    quick = experiment / "config_quick.py"
    chosen = ours.grid(quick, ["data=../data/mine", "batch_size=8"])
    (task,) = chosen.tasks
    assert (task.config.data, task.config.channels, task.config.data_dir) == ("mine", 3, None)
    assert chosen.scheduler.result_root_folder == "results/mine/quick"
    assert ours.num_images_of(task.config) == 40
    grey = ours.grid(quick, ["data=grey", "batch_size=8", "result_root_folder=r"])
    assert (grey.tasks[0].config.channels, grey.scheduler.result_root_folder) == (1, "r")
    own = ours.grid(quick, ["data=dsprites"])
    assert own.tasks == ours.grid(quick).tasks
    assert own.scheduler == ours.grid(quick).scheduler
    np.savez(tmp_path / "data" / "few.npz", imgs=PIXELS[:20])
    with pytest.raises(UserError, match="batch_size 32 is more than the 20 images"):
        ours.grid(quick, ["data=data/few.npz"])
    with pytest.raises(UserError, match="channels follow from the data"):
        ours.grid(quick, ["channels=3"])


def test_sets_as_a_part_of_a_grid(experiment, tmp_path):
    path = experiment / "config_two.py"
    text = (experiment / "config_quick.py").read_text()
    path.write_text(
        f"{text}\nconfig['test_config'] = [{{'data': ['../data/mine', 'grey'], 'run': [0]}}]\n"
        "config['global_config']['batch_size'] = 8\n"
    )
    chosen = load(experiment).grid(path)
    assert [task.name for task in chosen.tasks] == ["data-mine,run-0,", "data-grey,run-0,"]
    assert chosen.scheduler.result_root_folder == "results/quick/"


def test_the_folder_of_a_config_is_forgotten_with_its_set(tmp_path):
    (tmp_path / "data" / "mine").mkdir(parents=True)
    np.savez(tmp_path / "data" / "mine" / "data.npz", imgs=PIXELS)
    folder = bars_experiment("InfoGAN-CR_3D_teapot", tmp_path / "InfoGAN-CR_3D_teapot", METRICS)
    ours = load(folder)
    (task,) = ours.grid(folder / "config_quick.py", ["data=mine"]).tasks
    assert (task.config.data_dir, task.config.generate) == (None, None)
    (task,) = ours.grid(folder / "config_quick.py").tasks
    assert (task.config.data_dir, task.config.generate) == ("../data/3Dpots_quick", 20000)


@pytest.mark.parametrize(
    "name", ["InfoGAN-CR_dSprites", "InfoGAN-CR_3D_teapot", "FactorVAE_dSprites",
             "FactorVAE_3D_teapot"],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_networks_take_their_channels_from_the_config(name, channels):
    ours = load(ROOT / name)
    config = ours.grid().tasks[0].config
    model = ours.build(dataclasses.replace(config, data="mine", channels=channels))
    images = model.generate(np.zeros((2, model.latent.dim), np.float32))
    assert images.shape == (2, 64, 64, channels)
    assert model.encode(images).shape == (2, model.latent.num_codes)


def test_metrics_that_cannot_see_the_data_are_left_out_with_a_line(experiment):
    ours, said = load(experiment), []
    config = InfoGANCRConfig(**tiny.CONFIG)
    for data, expected in (
        ("mine", {"factor_vae", "dhsic"}),
        ("grey", {"dhsic", "random_feature_frechet", "random_feature_kid"}),
    ):
        lists = ours.metric_lists(dataclasses.replace(config, data=data))
        assert set(lists.available(lists.final, said.append)) == expected
    assert said == [
        "note: sample_quality is left out: it is about dSprites' shapes, and the data are mine",
        "note: sample_quality is left out: it is about dSprites' shapes, and the data are grey",
        "note: factor_vae is left out: grey has no factors",
    ]


# ---- images that fit ----------------------------------------------------------------------------


def test_size_channels_and_range():
    said = []
    data = dataset_of(ImageArrays(name="mine", images=PIXELS[..., :1]), CELEBA, said.append)
    assert said == [
        "note: the images of mine are resized from 64x64 to 32x32 and repeated in three channels"
    ]
    seen = data.images(np.array([3, 1]))
    assert seen.shape == (2, 32, 32, 3)
    assert -1 <= seen.min() < -0.5 < 0.5 < seen.max() <= 1
    rows = data.packed[[3, 1]]
    np.testing.assert_allclose(np.asarray(data.unpack(rows)), seen, rtol=1e-6, atol=1e-6)
    block = np.repeat(np.repeat(PIXELS[:2, ::2, ::2], 2, axis=1), 2, axis=2)
    reduced = fitted(block, ImageFormat(32))
    assert np.abs(reduced.mean() - block.mean()) < 1
    grey = fitted(PIXELS[:3], ImageFormat(64, (1,))).astype(float)[..., 0]
    np.testing.assert_allclose(grey, PIXELS[:3] @ [0.299, 0.587, 0.114], atol=0.51)
    same = dataset_of(ImageArrays(name="mine", images=PIXELS), FORM, said.append)
    assert same.packed is PIXELS
    assert same.images(np.array([0])).max() <= 1
    assert len(said) == 1


def test_dsprites_and_celeba_as_other_experiments_see_them(monkeypatch, tmp_path):
    bits = RNG.integers(0, 256, (4, 512), dtype=np.uint8)
    monkeypatch.setattr(sets.dsprites, "find", lambda *arguments: None)
    monkeypatch.setattr(sets.dsprites, "load_for", lambda *arguments: DSprites(bits))
    source = find(tmp_path, "dSprites")
    assert isinstance(source.dataset(FORM), DSprites)
    small = source.dataset(CELEBA, lambda line: None)
    assert isinstance(small, FactorGrid)
    assert (name_of(small), small.image_shape) == ("DSprites", (32, 32, 3))
    (tmp_path / "celeba.npz").touch()
    monkeypatch.setattr(sets.celeba, "find", lambda *arguments: tmp_path / "celeba.npz")
    monkeypatch.setattr(sets.celeba, "read", lambda path: PIXELS[:, :32, :32])
    large = find(tmp_path, "celeba").dataset(FORM, lambda line: None)
    assert (name_of(large), large.image_shape) == (CelebA.__name__, (64, 64, 3))


# ---- factors ------------------------------------------------------------------------------------


def table(factors, names, continuous, said):
    arrays = ImageArrays(
        name="mine", images=PIXELS[: len(factors)], factor_names=names, continuous=continuous,
        factors=factors,
    )  # fmt: skip
    return dataset_of(arrays, FORM, said.append)


def test_gaps_rare_values_and_useless_factors():
    n, said = 40, []
    kind = np.arange(n) % 3.0
    kind[0], kind[1] = 7, np.nan
    place = np.arange(n) // 10.0
    place[30:35] = np.nan
    factors = np.stack([kind, place, np.full(n, 2.0), np.arange(n)], axis=1)
    data = table(factors, ("kind", "place", "same", "id"), (False, True, True, False), said)
    assert said == [
        "note: mine: factor 'same' does not vary: no metric uses it",
        "note: mine: factor 'id': its 40 values are all different, so too few images share one: "
        "no metric uses it",
        "note: mine: factor 'kind': too few images (one each) near or at 7: no group shares them",
    ]
    assert isinstance(data, TableSet)
    assert isinstance(data, HasMetricData)
    drawn = draw_images(data, np.random.default_rng(0))
    assert drawn["factor_names"] == ["kind", "place"]
    for numbers, label in zip(drawn["group"], drawn["group_labels"], strict=True):
        values = factors[numbers, label]
        assert len(np.unique(values)) == 1  # NaN is never shared
        assert values[0] != 7
    complete = np.flatnonzero(np.isfinite(factors[:, :2]).all(axis=1))
    assert sorted(drawn["sample"]) == complete.tolist()
    np.testing.assert_array_equal(drawn["factors"], factors[drawn["sample"], :2])
    assert describe(data, drawn)["dataset"] == "mine"
    changed = factors.copy()
    changed[5, 0] = 2 - changed[5, 0]
    other = table(changed, ("kind", "place", "same", "id"), (False, True, True, False), [])
    assert other.metric_checksum() != data.metric_checksum()


def test_no_image_with_all_factors_still_gives_groups():
    factors = np.full((40, 2), np.nan)
    factors[:20, 0], factors[20:, 1] = np.arange(20) % 2, np.arange(20) % 2
    drawn = draw_images(table(factors, ("a", "b"), (True, True), []), RNG)
    assert "sample" not in drawn
    assert drawn["group"][drawn["group_labels"] == 0].max() < 20


def test_factors_of_no_use_leave_an_unlabelled_set():
    said = []
    factors = np.stack([np.zeros(40), np.minimum(np.arange(40.0), 18)], axis=1)
    factors[20:, 1] = np.nan
    data = table(factors, ("a", "b"), (True, True), said)
    assert said[1] == (
        "note: mine: factor 'b': its 20 values are nearly all different, so too few images share "
        "one: no metric uses it"
    )
    assert isinstance(data, UnlabelledSet)
    record = evaluate(lambda images: images[:, 0, :2, 0], data, ["dhsic", "mig"])
    assert set(record["scores"]) == {"dhsic"}
    assert set(record["skipped"]) == {"mig"}


def test_few_images_are_scored_by_every_metric():
    rng = np.random.default_rng(0)
    factors = np.stack([rng.random(21), rng.random(21), np.arange(21.0) % 3], axis=1)
    data = table(factors, ("a", "b", "c"), (True, True, False), [])
    names = [name for name in METRICS_BY_NAME if name not in ("sample_quality", "dci_rf_cv")]
    record = evaluate(lambda images: images[:, 0, :4, 0], data, names)
    assert record["skipped"] == {}
    assert np.isfinite(list(record["scores"].values())).all()


def test_a_full_grid_is_scored_by_the_papers_protocol():
    images = np.zeros((120, 64, 64, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.unravel_index(np.arange(120), (10, 12))
    arrays = ImageArrays(
        name="G", images=images, factor_names=("a", "b"), continuous=(True, False),
        factor_sizes=(10, 12),
    )  # fmt: skip
    data = dataset_of(arrays, FORM, print)
    assert isinstance(data, FactorGrid)
    record = evaluate(lambda seen: seen[:, 0, :2, 0] * 255, data, ["factor_vae", "beta_vae"])
    assert record["scores"]["factor_vae"] == 1
    assert record["protocol"]["groups"] == 500


# ---- the standard sets and the variants of dSprites ---------------------------------------------


def test_an_official_file_is_found_by_the_name_of_its_set(experiment, tmp_path, monkeypatch):
    def read(path, say):
        say(f"read {path.name}")
        return ImageArrays(
            name="Tiny", images=PIXELS, factor_names=("a", "b"), continuous=(True, True),
            factor_sizes=(8, 5),
        )  # fmt: skip

    reader = replace(READERS["shapes3d"], load=read)
    monkeypatch.setitem(READERS, "shapes3d", reader)
    with pytest.raises(UserError, match=r"no Shapes3D in .*: get 3dshapes.h5 from .*licence"):
        find(experiment, "shapes3d")
    place = tmp_path / "data" / "shapes3d"
    place.mkdir()
    (place / "3dshapes.h5").touch()
    source, said = find(experiment, "shapes3d"), []
    assert (source.name, source.shape, source.labelled) == ("shapes3d", (64, 64, 3), True)
    dataset = source.dataset(FORM, said.append)
    assert said[0] == "read 3dshapes.h5"
    assert isinstance(dataset, FactorGrid)
    np.testing.assert_array_equal(dataset.images(np.array([7]))[0], PIXELS[7] / np.float32(255))
    np.testing.assert_array_equal(dataset.index(np.array([[1, 2]])), [7])


def test_a_variant_is_made_of_dsprites_and_a_picture(experiment, tmp_path, monkeypatch):
    sprites = types.SimpleNamespace(bits=RNG.integers(0, 256, (9, 512), dtype=np.uint8))
    monkeypatch.setattr(sets.dsprites, "find", lambda where, experiment: None)
    monkeypatch.setattr(sets.dsprites, "load_for", lambda where, experiment, say: sprites)
    colour = find(experiment, "color_dsprites").dataset(FORM)
    assert colour.images(np.arange(3)).shape == (3, 64, 64, 3)
    with pytest.raises(UserError, match="no picture to put behind the sprites in .*: put one"):
        find(experiment, "scream_dsprites")
    place = tmp_path / "data" / "scream_dsprites"
    place.mkdir()
    Image.fromarray(PIXELS[0]).resize((300, 200)).save(place / "mine.png")
    scream, said = find(experiment, "scream_dsprites"), []
    images = scream.dataset(FORM, said.append).images(np.arange(3))
    assert said == [f"the picture behind the sprites is {place / 'mine.png'}"]
    assert images.std(axis=(1, 2)).min() > 0  # no plain background
    with pytest.raises(UserError, match="choose an experiment on dSprites"):
        scream.dataset(CELEBA)


# ---- runs whose data have gone or changed -------------------------------------------------------


def test_states_of_runs_without_their_data_or_with_others(experiment, tmp_path, capsys):
    changes = ["data=mine", "batch_size=8", "max_batches=3"]
    chosen = load(experiment).grid(experiment / "config_quick.py", changes)
    (task,) = chosen.tasks
    record = {
        "state": "finished", "config": dataclasses.asdict(task.config), "batches": 3,
        "scores": {}, "seconds": 1, "data": {"dataset": "mine", "images": 40},
    }  # fmt: skip
    records.save(RunFolder(experiment, chosen.scheduler, task).path, record)
    words = ["--config", str(experiment / "config_quick.py")]
    for change in changes:
        words += ["--set", change]

    def shown(option):
        found_by_name.cache_clear()  # as in another process
        assert cli.main(experiment, [*words, option]) == 0
        return capsys.readouterr()

    assert "finished  3 of 3 " in shown("--status").out
    place = tmp_path / "data" / "mine"
    np.savez(place / "data.npz", imgs=PIXELS[:30])
    out = shown("--status").out
    assert "other data  3 of 3 " in out
    assert "trained on 40 images of mine, which has 30 now; rename the new set, or set" in out
    assert ", 0 to train on" in shown("--dry-run").out
    place.rename(tmp_path / "moved")
    out, err = shown("--status")
    assert "finished  3 of 3 " in out
    assert err.startswith("note: no data set 'mine' in ")
    assert shown("--list") == ("run-0,\n", "")


def test_what_is_known_of_sets_that_are_not_there(experiment):
    ours = replace(load(experiment), data_may_be_missing=True)
    quick = experiment / "config_quick.py"
    for data, images, channels in (
        ("shapes3d", 480_000, 3), ("smallnorb", 48_600, 1), ("mpi3d_real_complex", 460_800, 3),
        ("mpi3d_toy", 1_036_800, 3), ("cars3d", 17_568, 3), ("../elsewhere/mine", 0, None),
    ):  # fmt: skip
        (task,) = ours.grid(quick, [f"data={data}"]).tasks
        assert (ours.num_images_of(task.config), task.config.channels) == (images, channels)
    assert (task.config.data, task.config.data_dir) == ("mine", "../elsewhere/mine")
