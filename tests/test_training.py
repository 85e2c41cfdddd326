"""Training: the files of a run, seeds, and errors."""

import errno
import json
import os

import numpy as np
import pytest
from PIL import Image

import disentanglement
from disentanglement import engine, records
from disentanglement.algorithms.infogan_cr import InfoGANCR
from disentanglement.errors import UserError
from disentanglement.files import locked
from disentanglement.training import checkpoint
from tests import pictures, tiny
from tests.runs import BATCHES, assert_same_result, events, rows

LAST = "epoch_id-2,batch_id--1,global_id-47"
METRIC_ROWS = [-1, 3, 7, 11, 15, 19, 23, 27, 31, 35, 39, 43, 47]


# ---- the files of a run -----------------------------------------------------------------------


def test_metric_rows(unbroken):
    found = rows(unbroken)
    assert list(found[0]) == ["epoch_id", "batch_id", "global_id", "factor_vae", "dhsic"]
    assert [int(row["global_id"]) for row in found] == METRIC_ROWS
    ends = [(r["epoch_id"], r["global_id"]) for r in found if r["batch_id"] == "-1"]
    assert ends == [("-1", "-1"), ("0", "15"), ("1", "31"), ("2", "47")]
    assert all(0 <= float(row["factor_vae"]) <= 1 for row in found)


def test_sample_grids(unbroken):
    names = {path.name for path in (unbroken / "sample").iterdir()}
    positions = {name.split(",latent-")[0] for name in names}
    # Every 5th of an epoch's 16 batches, the end of each epoch, and the snapshot after batch 11.
    expected = {(e, b, 16 * e + b) for e in range(3) for b in (4, 9, 14)}
    expected |= {(0, -1, 15), (1, -1, 31), (2, -1, 47), (0, 11, 11)}
    assert positions == {f"epoch_id-{e},batch_id-{b},global_id-{g}" for e, b, g in expected}
    kinds = {name.split(",latent-")[1] for name in names}
    assert kinds == {"0.png", "1.png", "2.png", "3.png", "all.png", "recovered.npz"}
    path = unbroken / "sample" / f"{LAST},latent-recovered.npz"
    with np.load(path) as recovered:
        shapes = {key: recovered[key].shape for key in recovered.files}
    assert shapes == {"latents": (6, 5), "samples": (6, 64, 64, 1), "codes": (6, 3)}


def test_sample_grids_show_the_samples_scaled_as_a_whole(unbroken):
    """Two rows of three tiles, column by column."""
    with np.load(unbroken / "sample" / f"{LAST},latent-recovered.npz") as recovered:
        samples = recovered["samples"]
    low, high = samples.min(), samples.max()
    tiles = np.rint((samples - low) * (255 / (high - low))).astype(np.uint8)
    pixels, _ = pictures.read(unbroken / "sample" / f"{LAST},latent-all.png")
    found = np.array([pictures.places(pixels, tile)[0] for tile in tiles]).reshape(3, 2, 2)
    assert (found[:, 0, 0] == found[0, 0, 0]).all()
    assert (found[:, :, 1] == found[:, :1, 1]).all()
    assert (np.diff(found[:, 0, 1]) > 64).all()
    assert (np.diff(found[:, :, 0], axis=1) > 64).all()


def test_pictures_say_what_they_show(unbroken):
    def about(name):
        return pictures.read(unbroken / name)[1]["Description"]

    title = "InfoGAN-CR on Bars, 48 batches, run 3"
    grids = f"sample/{LAST},latent-"
    assert about("traversal.png") == title
    assert about(f"{grids}all.png") == f"{title}; samples of random codes and noise"
    assert about(f"{grids}2.png") == f"{title}; traversal of code_2"
    assert about(f"{grids}3.png") == f"{title}; traversal of the noise, all coordinates alike"
    # The snapshot is the model before the contrastive term.
    assert about("sample/epoch_id-0,batch_id-11,global_id-11,latent-0.png") == (
        "InfoGAN (modified) on Bars, 12 batches, run 3; traversal of code_0"
    )


def test_other_files(unbroken):
    times = (unbroken / "time.txt").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in times] == [
        f"epoch {e} {what}" for e in range(3) for what in ("starts", "ends")
    ]
    found = records.read(unbroken)
    assert found["state"] == "finished"
    assert found["batches"] == BATCHES
    assert found["config"]["run"] == 3
    last = rows(unbroken)[-1]
    assert found["scores"] == {name: float(last[name]) for name in ("factor_vae", "dhsic")}
    assert found["seconds"] > 0
    (session,) = found["sessions"]
    assert (session["first_batch"], session["batches"]) == (0, BATCHES)
    assert session["started"] <= session["ended"]
    assert found["versions"]["disentanglement"] == disentanglement.__version__
    assert found["precision"] == "float32"
    with Image.open(unbroken / "traversal.png") as picture:
        assert min(picture.size) > 200
    assert {path.name for path in unbroken.iterdir()} == {
        ".lock", "checkpoint", "encoder.keras", "generator.keras", "metric.csv", "run.json",
        "sample", "time.txt", "traversal.png",
    }  # fmt: skip


def test_tensorboard(unbroken):
    found = events(unbroken)
    tags = set(found.Tags()["scalars"])
    per_code = {f"{name}/code_{j}" for name in ("log_q", "squared_error") for j in range(3)}
    assert tags == per_code | {
        "cr_coe", "gap", "cr_discriminator/accuracy", "cr_discriminator/loss",
        "discriminator/fake", "discriminator/log_q", "discriminator/loss",
        "discriminator/mean_on_fake", "discriminator/mean_on_real", "discriminator/real",
        "generator/contrastive", "generator/fake", "generator/log_q", "generator/loss",
        "metrics/dhsic", "metrics/factor_vae",
    }  # fmt: skip
    assert [e.step for e in found.Scalars("metrics/factor_vae")] == METRIC_ROWS
    assert [e.step for e in found.Scalars("discriminator/loss")] == list(range(BATCHES))
    assert [e.step for e in found.Scalars("cr_discriminator/loss")] == list(range(12, BATCHES))
    assert [e.value for e in found.Scalars("cr_coe")] == [0] * 12 + [2] * 36
    assert [e.value for e in found.Scalars("gap")] == [1] * 17 + [0.5] * 31
    # A tag that no report has would be left out of the progress line without a word.
    assert set(InfoGANCR.progress.values()) <= tags
    total = [
        sum(found.Scalars(f"log_q/code_{j}")[i].value for j in range(3)) for i in range(BATCHES)
    ]
    log_q = [e.value for e in found.Scalars("discriminator/log_q")]
    np.testing.assert_allclose(total, log_q, rtol=1e-5)


# ---- seeds ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_same_seed_same_result(unbroken, tmp_path):
    tiny.train(tmp_path)
    assert_same_result(tmp_path, unbroken)


def test_another_seed_another_result():
    models = [tiny.build(run=run) for run in (3, 4)]
    mine, theirs = (np.asarray(m.generator.get_layer("dense1").kernel) for m in models)
    assert np.abs(mine - theirs).max() > 0.01
    mine, theirs = (model.draw(0, 4)[0] for model in models)
    assert np.abs(mine - theirs).max() > 0.01


@pytest.mark.slow
def test_idle_h_makes_no_difference_before_the_rise(tmp_path):
    """Until the first rise, G, D and their optimizers are the same whether H trains or not.

    Bit for bit on TensorFlow; XLA rounds the two programs differently.
    """
    for name, skip in (("skip", True), ("train", False)):
        tiny.train(tmp_path / name, skip_idle_crd=skip, max_batches=12)
    with (
        np.load(tmp_path / "skip" / "checkpoint" / "model.npz") as skipped,
        np.load(tmp_path / "train" / "checkpoint" / "model.npz") as trained,
    ):
        for key in skipped.files:
            if "cr_discriminator" in key or key == "meta.json":
                continue
            if engine.NAME == "TensorFlow":
                np.testing.assert_array_equal(skipped[key], trained[key], err_msg=key)
            else:
                assert np.abs(skipped[key] - trained[key]).mean() < 1e-3, key
        key = "cr_discriminator/logits/kernel"
        assert np.abs(skipped[key] - trained[key]).max() > 1e-4


# ---- errors -----------------------------------------------------------------------------------


def test_a_checkpoint_of_another_config(finished_run):
    path = finished_run / "checkpoint" / "model.npz"
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"another config: batch_size was 4, is now 8"):
        tiny.train(finished_run, epoch=9, batch_size=8)
    assert path.read_bytes() == before
    assert records.read(finished_run)["state"] == "finished"


@pytest.mark.parametrize("damage", ["truncated", "flipped", "text"])
def test_a_damaged_checkpoint(finished_run, damage):
    path = finished_run / "checkpoint" / "model.npz"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 255
    contents = {"truncated": content[:middle], "flipped": content, "text": b"hello"}
    path.write_bytes(contents[damage])
    with pytest.raises(UserError, match="checkpoint is damaged") as error:
        tiny.train(finished_run, epoch=4)
    assert str(path) in str(error.value)


class BlackHole(tiny.Bars):
    """The images are NaN from the 8th batch on."""

    batches = -1  # the checksum of the data set reads it once before the first batch

    @property
    def packed(self):
        return self  # so that __getitem__ counts the batches

    def __getitem__(self, numbers):
        self.batches += 1
        images = self.images(numbers.ravel()).reshape(*numbers.shape, *self.image_shape)
        return images * np.float32(np.nan if self.batches > 7 else 1)


def test_nan_stops_the_run_and_names_step_and_checkpoint(tmp_path):
    with pytest.raises(UserError, match=r"became nan in batch 7 .*before batch 6") as error:
        tiny.train(tmp_path, BlackHole(), metric_freq=1000, metric_untrained=False)
    assert str(tmp_path / "checkpoint" / "model.npz") in str(error.value)
    assert records.read(tmp_path)["state"] == "failed"
    assert "became nan" in records.read(tmp_path)["why"]
    meta = checkpoint.load_meta(tmp_path / "checkpoint" / "model.npz")
    assert meta["next_batch"] == 6


def test_nan_weights_are_never_saved(tmp_path, monkeypatch):
    """The update of the last batch made NaN, which no loss shows yet."""

    def train_block(self, rows, global_id):
        report = real(self, rows, global_id)
        if global_id == 5:
            self.generator.get_layer("dense1").bias.assign(np.full(128, np.nan))
        return report

    real = InfoGANCR.train_block
    monkeypatch.setattr(InfoGANCR, "train_block", train_block)
    message = "generator/dense1/bias holds NaN or infinity after batch 5; .*before batch 3"
    with pytest.raises(UserError, match=message):
        tiny.train(tmp_path, metric_freq=1000, metric_untrained=False)
    meta = checkpoint.load_meta(tmp_path / "checkpoint" / "model.npz")
    assert meta["next_batch"] == 3


def test_fewer_batches_than_trained(finished_run):
    with pytest.raises(UserError, match="has 48 batches, more than the 2 asked for"):
        tiny.train(finished_run, max_batches=2)
    assert records.read(finished_run)["batches"] == BATCHES


def test_two_processes_in_one_folder(tmp_path):
    with locked(tmp_path), pytest.raises(UserError, match="another process is using this folder"):
        tiny.train(tmp_path)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "results").write_text("mine")
    with pytest.raises(UserError, match="results.*choose another folder"):
        tiny.train(tmp_path / "results" / "run")
    assert (tmp_path / "results").read_text() == "mine"


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    """ENOSPC while the second checkpoint is being written."""
    saves = []

    def savez(path, **arrays):
        saves.append(path)
        if len(saves) == 2:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        real(path, **arrays)

    real = np.savez
    monkeypatch.setattr(checkpoint.np, "savez", savez)
    with pytest.raises(UserError, match="the disk is full: free some space and run the same"):
        tiny.train(tmp_path, metric_freq=1000, metric_untrained=False)
    meta = checkpoint.load_meta(tmp_path / "checkpoint" / "model.npz")
    assert meta["next_batch"] == 3
    assert not list(tmp_path.glob("checkpoint/.*"))


def test_a_foreign_metric_table_is_not_overwritten(tmp_path):
    (tmp_path / "metric.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"metric.csv: not a metric table"):
        tiny.train(tmp_path)
    assert (tmp_path / "metric.csv").read_text() == "a,b\n1,2\n"


def test_batch_size_over_the_data(tmp_path):
    with pytest.raises(
        UserError,
        match="batch_size 65 is more than the 64 images: lower it, e.g. --set batch_size=64",
    ):
        tiny.train(tmp_path, batch_size=65)


def test_checkpoint_holds_no_pickle(unbroken):
    with np.load(unbroken / "checkpoint" / "model.npz", allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    meta = json.loads(str(arrays.pop("meta.json")))
    assert meta["next_batch"] == BATCHES
    assert {a.dtype.kind for a in arrays.values()} <= {"f", "i"}
