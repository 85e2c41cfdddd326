"""Where each data set is looked for: the experiment's own data/ first, then data/ beside it."""

import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from disentanglement.data.celeba import dataset as celeba
from disentanglement.data.dsprites import dataset as dsprites
from disentanglement.data.teapots import dataset as teapots
from disentanglement.data.teapots.generate import METRIC, TRAIN
from disentanglement.errors import UserError
from tests.experiments import ROOT

DEFAULT = SimpleNamespace(data_dir=None, generate=None)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "Experiment"
    path.mkdir()
    return path


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def empty_cache(path):
    """Write a cache that `find` accepts; on disk it is a hole, and loading it reports that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.lib.format.open_memmap(path, "w+", np.uint8, (dsprites.NUM_IMAGES, 512))
    return path


def places(*paths):
    """Return the paths below the folder that holds the experiments, in the order of the search."""
    return [pytest.param(path, id=path.replace("/", "-")) for path in paths]


# ---- dSprites -----------------------------------------------------------------------------------


def test_dsprites_in_order(folder):
    own, shared = folder / "data" / "dSprites", folder.parent / "data" / "dSprites"
    assert dsprites.find(DEFAULT, folder) == shared / dsprites.CACHE_FILE  # to be rendered there
    own.mkdir(parents=True)
    touch(own / dsprites.CACHE_FILE)  # not a cache: falls through
    assert dsprites.find(DEFAULT, folder) == shared / dsprites.CACHE_FILE
    official = touch(shared / dsprites.OFFICIAL_FILE)
    assert dsprites.find(DEFAULT, folder) == official
    cache = empty_cache(own / dsprites.CACHE_FILE)
    assert dsprites.find(DEFAULT, folder) == cache
    official = touch(own / dsprites.OFFICIAL_FILE)
    assert dsprites.find(DEFAULT, folder) == official
    other = SimpleNamespace(data_dir="../other")
    with pytest.raises(UserError, match=r"no dSprites in .*other, which data_dir names"):
        dsprites.load_for(other, folder)
    assert not (folder.parent / "other").exists()
    official = touch(folder.parent / "other" / dsprites.OFFICIAL_FILE)
    assert dsprites.find(other, folder) == official


@pytest.fixture
def accepted(monkeypatch):
    """Any images are taken for those of dSprites."""
    monkeypatch.setattr(dsprites, "_is_dsprites", lambda bits: True)


def test_dsprites_names_its_file(folder, accepted):
    said = []
    cache = empty_cache(folder / "data" / "dSprites" / dsprites.CACHE_FILE)
    dsprites.load_for(DEFAULT, folder, said.append)
    assert said == [f"dSprites from {cache}"]


def test_a_damaged_cache_that_data_dir_names_is_left_alone(folder, monkeypatch):
    monkeypatch.setattr(dsprites, "render", lambda: pytest.fail("rendered"))
    named = SimpleNamespace(data_dir="../other")
    cache = empty_cache(folder.parent / "other" / dsprites.CACHE_FILE)
    assert dsprites.find(named, folder) == cache  # does not look at the images
    with pytest.raises(UserError, match=r"other/dsprites_regen.* is damaged, or not dSprites: "):
        dsprites.load_for(named, folder)
    with cache.open("rb+") as file:
        file.truncate(5000)
    for use in (dsprites.find, dsprites.load_for):
        with pytest.raises(UserError, match="is damaged"):
            use(named, folder)
    with pytest.raises(UserError, match="is damaged"):
        dsprites.load_first([cache.parent], renders=False)
    assert list(cache.parent.iterdir()) == [cache]
    assert cache.stat().st_size == 5000


def test_blank_images_are_no_dsprites(folder, monkeypatch):
    new = np.ones((2, 512), np.uint8)
    monkeypatch.setattr(dsprites, "render", lambda: new)
    cache = empty_cache(folder / "data" / "dSprites" / dsprites.CACHE_FILE)
    said = []
    assert dsprites.load_for(DEFAULT, folder, said.append).bits is new
    old = cache.with_name("dsprites_regenerated_packed.old-1.npy")
    assert np.load(old, mmap_mode="r").shape == (dsprites.NUM_IMAGES, 512)
    np.testing.assert_array_equal(np.load(cache), new)
    assert f"{cache} is damaged; rendering" in said[0]
    assert said[1:] == [f"note: the damaged file is now {old}; it can be deleted"]


def test_dsprites_is_cached_beside_the_experiments(folder, monkeypatch):
    monkeypatch.setattr(dsprites, "render", lambda: np.zeros((2, 512), np.uint8))
    (folder / "data" / "dSprites").mkdir(parents=True)
    said = []
    dsprites.load_for(DEFAULT, folder, said.append)
    shared = folder.parent / "data" / "dSprites"
    assert [path.name for path in shared.iterdir()] == [dsprites.CACHE_FILE]
    assert list((folder / "data" / "dSprites").iterdir()) == []
    (line,) = said
    assert f"in {folder / 'data' / 'dSprites'} or {shared}; rendering" in line


def test_the_classifier_in_the_experiments_own_folder_is_found_first(folder):
    shared = folder.parent / "data" / "dSprites" / "shape_classifier.keras"
    own = folder / "data" / "dSprites" / "shape_classifier.keras"
    assert dsprites.classifier_path(folder) == shared
    published = folder.parent / "results" / "shape_classifier" / "shape_classifier.keras"
    touch(published)
    assert dsprites.classifier_path(folder) == published
    assert dsprites.trained_classifier_path(folder) == shared
    touch(shared)
    assert dsprites.classifier_path(folder) == shared
    touch(own)
    assert dsprites.classifier_path(folder) == own


# ---- 3D teapots ---------------------------------------------------------------------------------


@pytest.mark.parametrize("place", places("Experiment/data/3Dpots", "data/3Dpots"))
def test_teapots_in_order(folder, place):
    with pytest.raises(UserError) as error:
        teapots.find(DEFAULT, folder)
    assert str(folder.parent / place) in str(error.value)
    shared = folder.parent / "data" / "3Dpots"
    for path in (TRAIN, METRIC):
        touch(shared / path)
    (folder / "data" / "3Dpots").mkdir(parents=True)  # empty: falls through
    assert teapots.find(DEFAULT, folder) == shared
    for path in (TRAIN, METRIC):
        touch(folder.parent / place / path)
    assert teapots.find(DEFAULT, folder) == folder.parent / place
    other = SimpleNamespace(data_dir="../other", generate=9)
    assert teapots.find(other, folder) == folder.parent / "other"


def test_half_a_set_is_reported_rather_than_passed_over(folder):
    touch(folder / "data" / "3Dpots" / TRAIN)
    for path in (TRAIN, METRIC):
        touch(folder.parent / "data" / "3Dpots" / path)
    with pytest.raises(UserError, match=r"Experiment/data/3Dpots/metric_data/data.npz is missing"):
        teapots.load_for(DEFAULT, folder)


# ---- CelebA -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", celeba.FILES)
@pytest.mark.parametrize(
    "place", places("Experiment/data/celeba", "data/celeba", "data/CelebA")
)  # fmt: skip
def test_celeba(folder, place, name):
    images, said = np.full((2, 32, 32, 3), 7, np.uint8), []
    touch(folder / "data" / "celeba" / "img_align_celeba.zip")  # an archive is no data
    path = touch(folder.parent / place / name)
    if name.endswith("npz"):
        np.savez(path, imgs=images)
    else:
        np.save(path, images)
    np.testing.assert_array_equal(celeba.load_for(DEFAULT, folder, said.append).pixels, images)
    assert said == [f"CelebA from {path}"]


def test_celeba_in_order(folder):
    for place in ("data/CelebA", "data/celeba", "Experiment/data/celeba"):
        path = touch(folder.parent / place / "data.npz")
        assert celeba.find(DEFAULT, folder) == path
    other = SimpleNamespace(data_dir="../other", generate=9)
    assert celeba.find(other, folder) is None


# ---- what git ignores ---------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_git_ignores_data_but_not_code(tmp_path):
    shutil.copyfile(ROOT / ".gitignore", tmp_path / ".gitignore")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    ignored = [
        "data/dSprites/x.npy",
        "InfoGAN-CR_dSprites/data/dSprites/x.npz",
        "FactorVAE_3D_teapot/data/3Dpots/train_data/data.npz",
        "InfoGAN-CR_CelebA/data/celeba/data.npy",
        "3D_teapot/fixed_color_complete_rotation_up_light/about.json",
        "CelebA/data.npz",
        "CelebA/img_align_celeba.zip",
        "CelebA/.data.parts/000000.npz",
    ]
    kept = ["tests/data/x.npz", "disentanglement/data/npz.py", "CelebA/process_celeba.py"]
    result = subprocess.run(
        ["git", "check-ignore", *ignored, *kept],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.splitlines() == ignored
