"""Teapots as a data set: reading both files, the metrics' protocol, bad files, generation."""

import dataclasses
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from disentanglement import engine
from disentanglement.data import parts
from disentanglement.data.teapots import dataset as teapots
from disentanglement.data.teapots import generate
from disentanglement.data.teapots.dataset import METRIC, TRAIN, Teapots, load_for
from disentanglement.data.teapots.variants import FIXED_COLOR
from disentanglement.errors import UserError
from disentanglement.evaluation import evaluate as evaluation
from disentanglement.metrics.suite import METRICS
from disentanglement.training import feed
from tests.experiments import ROOT

N, GROUPS, LENGTH = 400, 30, 8


def encode_latents(rows):
    """Return images whose first pixels are the latents, so that codes can be read off them."""
    images = np.full((len(rows), 64, 64, 3), 255, np.uint8)
    images[:, 0, : rows.shape[1], 0] = np.rint(255 * rows)
    return images


def arrays(factors=3, seed=0):
    rng = np.random.default_rng(seed)
    latents = rng.random((N, factors))
    groups = rng.random((GROUPS, LENGTH, factors))
    labels = np.arange(GROUPS) % factors
    for group, label in zip(groups, labels, strict=True):
        group[:, label] = group[0, label]
    images = encode_latents(groups.reshape(-1, factors)).reshape(GROUPS, LENGTH, 64, 64, 3)
    return {"imgs": encode_latents(latents), "latents": latents}, {"imgs": images, "labels": labels}


def write(folder, train, metric):
    for path, content in ((TRAIN, train), (METRIC, metric)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        np.savez(folder / path, **content)
    return folder


def read_off(factors):
    return lambda images: images[:, 0, :factors, 0]


def test_images_by_number(tmp_path):
    train, metric = arrays()
    data = teapots.load(write(tmp_path, train, metric))
    assert len(data) == N
    numbers = np.array([N, 3, N + LENGTH + 2, 0])  # groups and training images, mixed
    expected = [metric["imgs"][0, 0], train["imgs"][3], metric["imgs"][1, 2], train["imgs"][0]]
    found = data.images(numbers)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.stack(expected) / 255, rtol=1e-6)
    unpack = engine.compile_step(data.unpack, [])
    np.testing.assert_allclose(unpack(data.packed[:5]), data.images(np.arange(5)), rtol=1e-6)
    assert data.factor_names == ["latent_0", "latent_1", "latent_2"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("compressed", [False, True])
def test_float_arrays_of_the_papers_code(tmp_path, dtype, compressed, monkeypatch):
    monkeypatch.setattr(teapots, "_CHUNK", 7)
    train, metric = arrays()
    write(tmp_path, train, metric)
    save = np.savez_compressed if compressed else np.savez
    save(
        tmp_path / TRAIN, imgs=(train["imgs"] / dtype(255)).astype(dtype), latents=train["latents"]
    )
    data = teapots.load(tmp_path)
    assert data.train.dtype == np.uint8
    np.testing.assert_array_equal(data.train, train["imgs"])


@pytest.mark.parametrize("factors", [2, 3, 5])
def test_the_papers_protocol(tmp_path, factors):
    """Perfect codes get perfect scores, for any number of factors."""
    train, metric = arrays(factors)
    data = teapots.load(write(tmp_path, train, metric))
    images = evaluation.draw_images(data, np.random.default_rng(0))
    assert images["group"].tolist() == (N + np.arange(GROUPS * LENGTH)).reshape(GROUPS, -1).tolist()
    assert len(np.unique(images["reference"])) == len(images["reference"]) == N // 10
    np.testing.assert_array_equal(images["sample"], images["reference"])
    np.testing.assert_array_equal(images["factors"], train["latents"][images["sample"]])
    assert images["continuous"].all()
    metrics = {name: m for name, m in METRICS.items() if name not in ("sample_quality", "dhsic")}
    found = evaluation.evaluate(read_off(factors), data, metrics)
    assert found["skipped"] == {}
    assert found["protocol"] == {
        "dataset": "Teapots",
        "images": N,
        "groups": GROUPS,
        "group_size": LENGTH,
        "reference": N // 10,
        "sample": N // 10,
        "factors": [f"latent_{i}" for i in range(factors)],
    }
    assert found["scores"]["factor_vae"] == 1
    assert found["scores"]["dci_lasso.disentanglement"] > 0.8
    worse = evaluation.evaluate(
        lambda images: read_off(factors)(images)[:, [0] * factors], data, ["factor_vae"]
    )
    assert worse["scores"]["factor_vae"] < 0.8


def test_factor_classes_are_twenty_bins_of_equal_width():
    latents = np.linspace(-1, 3, 2000)[:, None]
    data = Teapots(np.zeros((2000, 1)), latents, np.zeros((1, 1)), [0], ["x"])
    images = data.draw_images(np.random.default_rng(0))
    values, ids = images["factors"][:, 0], images["factor_ids"][:, 0]
    width = np.ptp(values) / 20
    expected = np.minimum((values - values.min()) // width, 19)
    assert (ids == expected).mean() > 0.99  # rounding at the edges
    assert set(ids) == set(range(20))


# ---- data that change ----------------------------------------------------------------------------


def changed(name):
    """Return the tests' set with one value of an array changed."""
    train, metric = arrays()
    content = {"train": train["imgs"], "latents": train["latents"]}
    content |= {"groups": metric["imgs"], "labels": metric["labels"]}
    if name:
        content[name] = content[name].copy()
        content[name].flat[-1] -= 1
    return Teapots(**content, factor_names="xyz")


def test_changed_latents_groups_and_labels_are_noticed():
    recorded = feed.identity(changed(None))
    old = {key: recorded[key] for key in ("dataset", "images", "checksum")}
    feed.check_same(Path("model.npz"), recorded, changed(None))
    for name in ("latents", "groups", "labels"):
        assert feed.identity(changed(name)) | {"metric_data": ""} == old | {"metric_data": ""}
        with pytest.raises(UserError, match="the latents or metric groups have changed since"):
            feed.check_same(Path("model.npz"), recorded, changed(name))
        feed.check_same(Path("model.npz"), old, changed(name))  # as older versions recorded it
    with pytest.raises(UserError, match=r"model.npz was trained on 400 images of Teapots"):
        feed.check_same(Path("model.npz"), old, changed("train"))


def test_records_of_changed_groups_are_not_continued(tmp_path):
    path = tmp_path / "scores.json"

    def score(data, *names, overwrite=False):
        return evaluation.evaluate(read_off(3), data, names, path=path, overwrite=overwrite)

    first = score(changed(None), "mig")
    assert score(changed(None), "mig", "sap")["metrics"].keys() == {"mig", "sap"}
    with pytest.raises(UserError, match="on other images"):
        score(changed("groups"), "sap")
    again = score(changed("groups"), "sap", overwrite=True)
    assert again["metrics"].keys() == {"sap"}
    assert again["fingerprint"]["metric_data"] != first["fingerprint"]["metric_data"]
    assert json.loads((tmp_path / "scores.old-1.json").read_text())["metrics"].keys() == {
        "mig", "sap",
    }  # fmt: skip


# ---- bad files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("absent", "other"), [(TRAIN, METRIC), (METRIC, TRAIN)])
def test_one_file_is_missing(tmp_path, absent, other):
    write(tmp_path, *arrays())
    (tmp_path / absent).unlink()
    with pytest.raises(UserError, match=f"{absent} is missing, though {other} is there"):
        teapots.load(tmp_path)


def without(content, key):
    return {name: array for name, array in content.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, m: t.update(imgs=t["imgs"][:, :32]), r"imgs are \(400, 32, 64, 3\)"),
        (lambda t, m: t.update(imgs=t["imgs"][:0], latents=t["latents"][:0]), "one or more"),
        (lambda t, m: t.update(imgs=t["imgs"].astype(np.int64)), "imgs are int64"),
        (lambda t, m: t.update(imgs=t["imgs"].astype(float)), r"outside \[0, 1\]"),
        (lambda t, m: t.update(imgs=np.full((N, 64, 64, 3), np.nan)), r"outside \[0, 1\]"),
        (lambda t, m: t.update(imgs=np.full((N, 64, 64, 3), None)), "holds objects"),
        (lambda t, m: t.update(latents=t["latents"][1:]), r"latents \(399, 3\)"),
        (lambda t, m: t.update(latents=t["latents"][:, 0]), r"latents \(400,\)"),
        (lambda t, m: t.pop("latents"), "latents"),
        (lambda t, m: m.update(imgs=m["imgs"][0]), r"\(8, 64, 64, 3\)"),
        (lambda t, m: m.update(labels=m["labels"] + 1), "labels range from 1 to 3, but"),
        (lambda t, m: m.update(labels=m["labels"][1:]), r"labels \(29,\)"),
        (lambda t, m: m.pop("labels"), "labels"),
        (lambda t, m: t["latents"].__setitem__((3, 1), np.nan), "latents must be finite"),
        (lambda t, m: t.update(latents=t["latents"] + 1j), "latents must be finite"),
        (lambda t, m: m.update(labels=m["labels"].astype(str)), "labels must be finite"),
        (lambda t, m: m.update(imgs=m["imgs"][:, :0]), r"\(30, 0, 64, 64, 3\)"),
    ],
)
def test_wrong_files_are_one_line(tmp_path, change, message):
    train, metric = arrays()
    change(train, metric)
    write(tmp_path, train, metric)
    with pytest.raises(UserError, match=message) as error:
        teapots.load(tmp_path)
    assert "\n" not in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_a_header_that_promises_too_much(tmp_path):
    path = write(tmp_path, *arrays()) / TRAIN
    with zipfile.ZipFile(path) as old:
        content = old.read("imgs.npy").replace(b"(400, 64", b"(4000000000, 64")
        latents = old.read("latents.npy")
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("imgs.npy", content)
        new.writestr("latents.npy", latents)
    with pytest.raises(UserError, match="larger than the file can hold"):
        teapots.load(tmp_path)


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.99])
def test_a_truncated_file_is_one_line(tmp_path, keep):
    path = write(tmp_path, *arrays()) / TRAIN
    content = path.read_bytes()
    path.write_bytes(content[: keep if keep > 1 else int(keep * len(content))])
    with pytest.raises(UserError, match="damaged or in the wrong format"):
        teapots.load(tmp_path)


def test_flipped_bytes_are_noticed(tmp_path):
    path = write(tmp_path, *arrays()) / TRAIN
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        teapots.load(tmp_path)


# ---- where the data are -------------------------------------------------------------------------


def config(**changes):
    return SimpleNamespace(**({"data_dir": None, "generate": None} | changes))


def test_the_default_folder_and_data_dir(tmp_path):
    experiment = tmp_path / "InfoGAN-CR_3D_teapot"
    experiment.mkdir()
    write(tmp_path / "data" / "3Dpots", *arrays(3))
    write(tmp_path / "other", *arrays(2))
    assert load_for(config(), experiment).latents.shape == (N, 3)
    assert load_for(config(data_dir="../other"), experiment).latents.shape == (N, 2)


def test_without_data_one_line_says_how_to_generate_them(tmp_path):
    with pytest.raises(UserError, match="no teapots in .*: generate them") as error:
        load_for(config(data_dir=tmp_path), ROOT / "InfoGAN-CR_3D_teapot")
    script, out = re.search(r"python (\S+) --out (\S+)$", str(error.value)).groups()
    assert Path(script).is_file()
    assert Path(out) == tmp_path


def test_an_unfinished_set_is_not_used_and_can_be_finished(tmp_path, monkeypatch):
    """The message gives the exact command that resumes, for any options."""
    spec = generate.TeapotSet(FIXED_COLOR, train=9, groups=4, seed=2)
    with monkeypatch.context() as patch:
        patch.setattr(generate, "_merge_parts", lambda *a: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            generate.generate(spec, tmp_path, say=lambda line: None)
    experiment = ROOT / "InfoGAN-CR_3D_teapot"
    with pytest.raises(UserError, match="holds an unfinished set of teapots") as error:
        load_for(config(data_dir=tmp_path), experiment)
    words = str(error.value).split("with: python ")[1].split()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    assert len(load_for(config(data_dir=tmp_path), experiment)) == 9


def test_a_complete_set_is_used_even_if_parts_are_left(tmp_path):
    write(tmp_path, *arrays())
    parts.write_description(tmp_path / ".parts", {})
    assert len(load_for(config(data_dir=tmp_path), tmp_path)) == N


def test_a_small_set_is_generated_once_if_the_config_asks(tmp_path, monkeypatch):
    fewer = dataclasses.replace(teapots.ALL_COLOR, groups=5)
    monkeypatch.setattr(teapots, "ALL_COLOR", fewer)
    said = []
    small = config(data_dir=tmp_path / "small", generate=20)
    data = load_for(small, tmp_path, said.append)
    assert len(data) == 20
    assert data.groups.shape == (5, 100, 64, 64, 3)
    assert data.factor_names == ["azimuth", "elevation", "red", "green", "blue"]
    assert "rendering 20 for training" in said[0]
    before = (tmp_path / "small" / TRAIN).stat().st_mtime_ns
    load_for(small, tmp_path, said.append)
    assert (tmp_path / "small" / TRAIN).stat().st_mtime_ns == before
