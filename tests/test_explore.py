"""The latent explorer's command: which models it takes, and what it writes of them."""

import base64
import dataclasses
import hashlib
import json
import re
import shutil

import keras
import numpy as np
import pytest

from disentanglement import pretrained, records
from disentanglement.errors import UserError
from disentanglement.evaluation.captured import best_factors
from disentanglement.experiments import explore
from disentanglement.experiments import load as experiments
from disentanglement.experiments.explored import find
from disentanglement.training import checkpoint
from tests.experiments import ROOT

NAME = "InfoGAN-CR_dSprites/hour/run-0"
FOLDER = ROOT / "results" / f"{NAME},"
OURS = ["--experiment", "InfoGAN-CR_dSprites"]
GIVEN = OURS[1:]


def run(*arguments):
    return explore.main([str(argument) for argument in arguments])


def error_of(capsys, *arguments):
    """Return the line that a command with a mistake prints."""
    assert run(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def models_in(path):
    text = re.search(
        r'<script type="application/json" id="models">(.*?)</script>', path.read_text()
    )
    return json.loads(text[1])


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of a published model, and of the same model before the contrastive term."""
    out = tmp_path_factory.mktemp("explorer") / "explorer.html"
    assert run(NAME, f"{NAME}/global_id-14399", "--out", out) == 0
    return out


def test_a_page_of_two_published_models(page):
    final, before = models_in(page)
    assert page.stat().st_size < 3e6
    assert final["title"] == pretrained.load(NAME).title
    assert (final["codes"], len(final["latents"])) == (5, 10)
    meanings = [latent.get("meaning") for latent in final["latents"]]
    assert meanings[0] == {
        "factor": "scale",
        "share": pytest.approx(0.309, abs=1e-3),
        "clear": True,
    }
    assert [m["clear"] for m in meanings[:5]] == [True, False, True, False, True]
    assert meanings[5:] == [None] * 5
    assert final["latents"][9]["name"] == "noise 5"
    assert final["latents"][0]["sweep"] == [-1, 1]
    assert final["generator"]["layers"][0]["kernel"] != before["generator"]["layers"][0]["kernel"]
    assert final["encoder"]["output"] == [5]
    assert final["notes"] == before["notes"] == []


def test_it_says_how_large_and_how_exact_the_networks_are(tmp_path, capsys):
    found = {}
    for precision in ("float32", "float16", "int8"):
        out = tmp_path / f"{precision}.html"
        assert run(NAME, "--precision", precision, "--out", out) == 0
        printed = capsys.readouterr().out
        (model,) = models_in(out)
        assert f"as {precision}; largest pixel difference" in printed
        assert f"explorer: {out} ({out.stat().st_size / 1e6:.1f} MB)" in printed
        found[precision] = (out.stat().st_size, model["differences"])
    sizes, differences = zip(*found.values(), strict=True)
    assert sizes[0] > 1.8 * sizes[1] > 3 * sizes[2]
    assert differences[0] == {"pixel": 0, "mean_pixel": 0, "code": 0}
    assert 0 < differences[1]["code"] < differences[2]["code"]
    assert 0 < differences[1]["mean_pixel"] < differences[2]["mean_pixel"] < 0.01


def test_the_encoder_is_optional(tmp_path, monkeypatch):
    explored = find(NAME)
    assert "encoder" not in explore.described(explored, encoder="never")
    monkeypatch.setattr(explore, "ENCODER_LIMIT", 500_000)
    small = explore.described(explored)
    assert "encoder" not in small
    assert small["notes"] == [
        "The encoder is left out: it takes 0.5 MB (--encoder always adds it)."
    ]
    assert "encoder" in explore.described(explored, encoder="always")


@pytest.mark.parametrize(
    "name", [FOLDER, f"{FOLDER}"[:-1], FOLDER / "run.json", FOLDER / "final_metrics.json"]
)
def test_other_ways_to_name_a_model(name):
    assert find(str(name)).trained.batches == 16128


def test_a_record_of_a_snapshot():
    record = FOLDER / "final_metrics_global_id-14399.json"
    assert find(str(record)).trained.batches == 14400


def test_a_finished_run(finished_run, tmp_path, capsys):
    assert run(finished_run, *OURS, "--out", tmp_path / "x.html") == 0
    (model,) = models_in(tmp_path / "x.html")
    assert model["name"] == "run"
    assert model["title"] == "InfoGAN-CR on Bars, 48 batches, run 3"
    assert model["notes"] == []
    assert "meaning" not in model["latents"][0]  # it was never scored


def test_its_snapshot_and_its_exports(finished_run):
    latents = np.random.default_rng(0).uniform(-1, 1, (2, 5))
    ours = find(str(finished_run), GIVEN)
    snapshot = find(str(finished_run / "global_id-11"), GIVEN)
    assert snapshot.trained.batches == 12
    assert (np.asarray(snapshot.generator(latents)) != np.asarray(ours.generator(latents))).any()
    shutil.rmtree(finished_run / "checkpoint")
    exported = find(str(finished_run), GIVEN)
    np.testing.assert_allclose(exported.generator(latents), ours.generator(latents), atol=1e-6)
    (finished_run / "encoder.keras").unlink()
    assert find(str(finished_run), GIVEN).encoder is None


def test_an_unfinished_run_says_so(finished_run):
    record = json.loads((finished_run / "run.json").read_text())
    for state, said in (("training", "interrupted"), ("stopped", "stopped"), ("failed", "failed")):
        started = {k: v for k, v in record.items() if k != "batches"} | {"state": state}
        started["config"] = record["config"] | {"epoch": 5}
        (finished_run / "run.json").write_text(json.dumps(started))
        unfinished = find(str(finished_run), GIVEN).unfinished
        assert unfinished == f"Unfinished run ({said}): 48 of 80 batches."


def untrained(name, folder):
    """Write a run of an experiment's first config that has a checkpoint, but no training."""
    ours = experiments.load(name)
    config = ours.grid().tasks[0].config
    record = {"state": "stopped", "config": dataclasses.asdict(config)}
    records.save(folder, record | {"data": {"dataset": "Some", "images": 6400}})
    meta = {"next_batch": 0, "config": record["config"]}
    checkpoint.save(folder / "checkpoint" / checkpoint.FILE, ours.build(config), meta)
    return find(str(folder), ["InfoGAN-CR_CelebA", name])  # the first that fits


def test_a_model_with_normally_distributed_codes(tmp_path):
    model = explore.described(untrained("FactorVAE_dSprites", tmp_path))
    assert re.fullmatch(r"Unfinished run \(stopped\): 0 of [\d,]+ batches\.", model["notes"][0])
    assert model["means"]
    expected = {"kind": "normal", "mean": 0.0, "std": 1.0, "low": -3.0, "high": 3.0}
    expected |= {"name": "code_0", "sweep": [-2, 2]}
    assert model["latents"][0] == expected
    assert model["codes"] == len(model["latents"]) == 10  # there is no noise
    assert model["encoder"]["output"] == [10]
    assert model["range"] == [0, 1]


@pytest.mark.slow
def test_a_large_model_in_colour(tmp_path):
    model = explore.described(untrained("InfoGAN-CR_CelebA", tmp_path))
    assert find(str(tmp_path)).trained.experiment.folder.name == "InfoGAN-CR_CelebA"  # by its keys
    assert model["range"] == [-1, 1]
    assert model["generator"]["output"] == [32, 32, 3]
    assert not model["means"]
    assert "encoder" not in model
    assert "The encoder is left out: it takes 8.6 MB" in model["notes"][-1]


def test_a_run_in_a_copied_experiment_needs_no_option(finished_run, tmp_path):
    folder = tmp_path / "InfoGAN-CR_dSprites" / "results" / "run-3,"
    shutil.copytree(finished_run, folder)
    assert find(str(folder.with_name("run-3"))).trained.name == "run-3"


def test_mistakes_are_one_line(finished_run, tmp_path, capsys):
    out = tmp_path / "x.html"
    assert "no model 'nowhere'" in error_of(capsys, "nowhere", "--out", out)
    assert "must end in .html" in error_of(capsys, NAME, "--out", tmp_path / "x.png")
    line = error_of(capsys, tmp_path, "--out", out)
    assert f"no run.json; it holds runs: name one of them, e.g. {finished_run}" in line
    (tmp_path / "empty").mkdir()
    assert error_of(capsys, tmp_path / "empty", "--out", out).endswith("there is no run.json")
    assert "name a run's folder" in error_of(capsys, finished_run / "time.txt", "--out", out)
    line = error_of(capsys, finished_run, "--out", out)
    assert "which experiment is it of? Add --experiment, one of InfoGAN-CR_3D_teapot, " in line
    assert not out.exists()


def test_damaged_runs_are_one_line(finished_run, tmp_path, capsys):
    arguments = (finished_run, *OURS, "--out", tmp_path / "x.html")
    whole = (finished_run / "checkpoint" / "model.npz").read_bytes()
    (finished_run / "checkpoint" / "model.npz").write_bytes(whole[: len(whole) // 2])
    assert "the checkpoint is damaged" in error_of(capsys, *arguments)
    (finished_run / "checkpoint" / "model.npz").unlink()
    (finished_run / "final_metrics.json").write_text('{"scores": [1], "model": 2}')
    assert "final_metrics.json: not a record of scores" in error_of(capsys, *arguments)
    (finished_run / "final_metrics.json").unlink()
    (finished_run / "generator.keras").write_bytes(b"PK half of a file")
    assert "generator.keras: cannot be read" in error_of(capsys, *arguments)
    shutil.copy(finished_run / "encoder.keras", finished_run / "generator.keras")
    assert "cannot run its generator" in error_of(capsys, *arguments)
    (finished_run / "generator.keras").unlink()
    line = error_of(capsys, *arguments)
    assert "there is no generator yet (state: finished): no checkpoint/model.npz" in line
    (finished_run / "run.json").write_text("{}")
    assert "holds no config" in error_of(capsys, *arguments)
    (finished_run / "run.json").write_text("{")
    assert "run.json: cannot be read" in error_of(capsys, *arguments)


def test_a_page_is_replaced_only_when_asked(page, capsys):
    before = page.read_bytes()
    assert f"{page} exists: choose another name, or add --force" in error_of(
        capsys, NAME, "--out", page
    )
    assert page.read_bytes() == before


def test_a_model_without_a_generator(monkeypatch):
    loaded = pretrained.load(NAME)
    monkeypatch.setattr(type(loaded.model), "exports", lambda self: {})
    with pytest.raises(UserError, match="InfoGANCR exports no generator"):
        find(NAME)


def test_networks_of_other_shapes():
    explored = find(NAME)
    features = keras.layers.Dense(3)(latent := keras.Input((10,)))
    for generator, said in (
        (explored.encoder, r"run its generator: it takes \(64, 64, 1\), not \(10,\)"),
        (keras.Model(latent, features), r"it makes \(3,\), not grey or colour pictures"),
        (keras.Model(latent, [features, features]), "it has several inputs or outputs"),
    ):
        with pytest.raises(UserError, match=said):
            explore.described(dataclasses.replace(explored, generator=generator))
    model = explore.described(dataclasses.replace(explored, encoder=explored.generator))
    assert "encoder" not in model
    assert model["notes"] == ["The encoder is left out: it takes (10,), not (64, 64, 1)."]


def test_text_in_the_page_is_escaped(page):
    (model, _) = models_in(page)
    nasty = '</script><script>alert("1")</script> & \u2028 {{style}} \'"'
    model |= {"title": nasty, "name": nasty, "notes": [nasty]}
    text = explore.page([model])
    assert text.isascii()
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "alert(" not in text.replace("alert(&quot;1&quot;)", "").replace('alert(\\"1\\")', "")
    found = re.search(r'id="models">(.*?)</script>', text)
    assert json.loads(found[1])[0]["title"] == nasty  # {{style}} was not filled in


def test_the_policy_allows_this_script_and_style_and_nothing_else(page):
    text = page.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    for tag in ("script", "style"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        checksum = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{checksum}';" in policy
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"https?://|@import|url\(", text)


def test_the_best_factor_of_a_code():
    evidence = {
        "mutual_information": [[0.5, 0.1, 0.0], [0.0, 0.9, 0.0]],
        "entropy": [1.0, 2.0, 0.0],
    }
    record = {"metrics": {"mig": {"evidence": evidence}}, "protocol": {"factors": ["a", "b", "c"]}}
    assert best_factors(record) == [("a", 0.5), ("b", 0.45)]
    assert best_factors({}) == []
