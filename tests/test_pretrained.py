"""Trained models that are ready to use: results/ and folders that `reproduce` has published."""

import json
import shutil

import matplotlib
import numpy as np
import pytest
from PIL import Image

from disentanglement import checksums, pretrained
from disentanglement.errors import UserError
from disentanglement.evaluation.captured import captured_factors
from disentanglement.experiments import pretrained as command
from disentanglement.training import checkpoint
from tests.experiments import ROOT

NAME = "InfoGAN-CR_dSprites/hour/run-0"
BEFORE = f"{NAME}/global_id-14399"
FOLDER = ROOT / "results" / f"{NAME},"


@pytest.fixture(scope="module")
def model():
    return pretrained.load(NAME)


def test_the_names():
    assert {NAME, BEFORE} <= set(pretrained.names())
    assert "FactorVAE_dSprites/hour/run-0,tc_coe-10.0" in pretrained.names()
    assert not any(part.endswith(",") for name in pretrained.names() for part in name.split("/"))


def test_a_model_generates_encodes_and_knows_its_records(model):
    images = model.generate(model.latent.sample(np.random.default_rng(0), 6))
    assert images.shape == (6, 64, 64, 1)
    assert model.encode(images).shape == (6, 5)
    assert model.encode(np.zeros((1, 64, 64, 1), np.uint8)).shape == (1, 5)
    assert model.record == json.loads((FOLDER / "run.json").read_text())
    assert model.scores == json.loads((FOLDER / "final_metrics.json").read_text())["scores"]
    traversal = model.latent.traverse(np.zeros((1, model.latent.dim), np.float32), 2, 7)
    assert model.generate(traversal).shape == (7, 64, 64, 1)


def test_its_repr_is_one_line(model):
    assert repr(model) == f"<Pretrained {model.title}>"
    assert len(repr(model)) < 200


def first_weights(loaded):
    return np.asarray(loaded.model.networks["generator"].variables[0])


def test_final_model_and_the_one_before_the_contrastive_term(model):
    before = pretrained.load(BEFORE)
    assert (model.batches, before.batches) == (16128, 14400)
    assert before.scores["factor_vae"] == 0.636
    assert (first_weights(model) != first_weights(before)).any()
    for loaded, folder in ((model, "weights"), (before, "weights/global_id-14399")):
        arrays = checkpoint._read(FOLDER / folder / "generator.npz").values()
        assert any(np.array_equal(first_weights(loaded), array) for array in arrays)


@pytest.mark.parametrize("name", [f"{NAME},", f"{NAME},/", FOLDER, FOLDER.with_name("run-0")])
def test_other_ways_to_write_the_name(name):
    assert command._find(name) == command.Published(FOLDER)


def test_a_snapshot_in_a_path():
    found = command._find(f"{FOLDER}/global_id-14399")
    assert found == command.Published(FOLDER, "global_id-14399")


def test_a_wrong_name_is_one_line(tmp_path):
    with pytest.raises(UserError) as error:
        pretrained.load("InfoGAN-CR_dSprites/hour/run-7")
    message = str(error.value)
    assert "\n" not in message
    assert all(name in message for name in pretrained.names())
    assert f"did you mean '{NAME}'?" in message
    with pytest.raises(UserError, match=r"has run.json and weights/"):
        pretrained.load(tmp_path)


def test_a_folder_elsewhere(tmp_path, model):
    folder = shutil.copytree(FOLDER, tmp_path / "records" / "run-0,")
    with pytest.raises(UserError, match="which experiment is it of"):
        pretrained.load(folder)
    loaded = pretrained.load(folder, experiment="InfoGAN-CR_dSprites")
    np.testing.assert_array_equal(first_weights(loaded), first_weights(model))
    # As `reproduce` publishes it: the weight files name the experiment.
    path = folder / "weights" / "cr_discriminator.npz"
    meta = checkpoint.load_meta(path) | {"experiment": "InfoGAN-CR_dSprites"}
    arrays = {k: v for k, v in checkpoint._read(path).items() if k != "meta.json"}
    checkpoint.write(path, arrays, meta)
    with pytest.raises(UserError, match="weights/cr_discriminator.npz has changed or is damaged"):
        pretrained.load(folder)
    checksums.write(folder)
    np.testing.assert_array_equal(first_weights(pretrained.load(folder)), first_weights(model))


def test_damaged_folders_are_one_line(tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / "InfoGAN-CR_dSprites" / "run-0,")
    (folder / checksums.FILE).unlink()
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"config": {"run": 0}}))
    with pytest.raises(UserError, match="missing key 'epoch'"):
        pretrained.load(folder)
    (folder / "run.json").write_text("{}")
    with pytest.raises(UserError, match="holds no config"):
        pretrained.load(folder)
    shutil.rmtree(folder / "weights")
    (folder / "weights").mkdir()
    with pytest.raises(UserError, match="no weights here"):
        pretrained.load(folder)


def test_the_list(capsys):
    assert command.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == pretrained.names()
    assert next(line for line in lines if f"{NAME} " in line).split()[1:] == ["16,128", "0.648"]


def test_a_labelled_traversal(tmp_path, capsys, model):
    assert model.labels == ["code_0: scale", "code_1", "code_2: posX", "code_3", "code_4: posY"]
    assert model.title == ("InfoGAN-CR on dSprites, 16,128 batches, run 0, FactorVAE score 0.65")
    out = tmp_path / "out.png"
    assert command.main([NAME, "--traversal", str(out)]) == 0
    with Image.open(out) as picture:
        assert picture.info["Title"] == model.title
        assert picture.width > 900
    before = out.read_bytes()
    for arguments, message in [
        ([NAME, "--traversal", str(out)], "the file exists; choose another name"),
        ([NAME, "--traversal", str(tmp_path / "a.xyz")], "must end in .png, .pdf or .svg"),
    ]:
        assert command.main(arguments) == 2
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
    assert out.read_bytes() == before


def test_a_traversal_names_its_axis_codes_and_values(tmp_path, model):
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        model.save_traversal(tmp_path / "out.svg", values=5)
    found = (tmp_path / "out.svg").read_text()
    for words in (model.title, "value of the code", *model.labels, "-1", "-0.5", "0", "0.5", "1"):
        assert f">{words}</text>" in found


def record_of(information):
    evidence = {"mutual_information": information, "entropy": [1.0, 2.0]}
    return {"metrics": {"mig": {"evidence": evidence}}, "protocol": {"factors": ["a", "b"]}}


def test_factors_are_named_only_if_clear():
    clear, half, weak, tied = [0.1, 0.0], [0.2, 0.9], [0.09, 0.0], [0.3, 0.5]
    found = captured_factors(record_of([clear, half, weak, tied]))
    assert found == ["a", "b", None, None]
    assert captured_factors(record_of([[0.0, 0.0]])) == [None]
    assert captured_factors({}) == []
    assert captured_factors(record_of([[1.0, 0.0, 0.0]])) == []
