"""Protocols by name: draws, evaluate, disentanglement-score, final metrics and tables."""

import json

import numpy as np
import pytest

from disentanglement import records
from disentanglement.config import InfoGANCRConfig
from disentanglement.data.fit import ImageFormat
from disentanglement.data.image_arrays import ImageArrays
from disentanglement.data.image_set import dataset_of
from disentanglement.data.labelled import LabelledImages
from disentanglement.errors import UserError
from disentanglement.evaluation import final_metrics, score_command, table
from disentanglement.evaluation.draws import FactorTable, draw_dlib
from disentanglement.evaluation.evaluate import evaluate
from disentanglement.evaluation.named_protocols import PROTOCOLS, named
from disentanglement.evaluation.protocols import NAMES, ImageProtocol
from tests import tiny
from tests.commands import run
from tests.scores import PAPERS, read_tables, save_record

FAST = ["factor_vae", "mig", "irs"]
SIZES = (4, 5, 10, 60)


class Grid:
    """12,000 images of one pixel that hold their factors."""

    factor_names, factor_sizes = ("a", "b", "c", "d"), SIZES
    factor_values = tuple(np.arange(float(size)) for size in SIZES)
    continuous = (True,) * 4

    def __len__(self):
        return 12_000

    def images(self, numbers):
        rows = np.stack(np.unravel_index(numbers, SIZES), axis=1)
        return rows.reshape(-1, 1, 1, 4).astype(np.float32)

    def index(self, factors):
        return np.ravel_multi_index(tuple(np.asarray(factors).T), SIZES)


def encode(images):
    return images[:, 0, 0].copy()


def codes_file(path, n=16_000):
    ids = np.random.default_rng(0).integers(0, (3, 4, 5), (n, 3))
    np.savez(path, codes=ids.astype(np.float32), factor_ids=ids)
    return str(path)


def test_names():
    assert tuple(PROTOCOLS) == NAMES
    for protocol in PROTOCOLS.values():
        assert set(protocol.default) <= set(protocol.metrics)
        if protocol.name != "paper":
            assert all(name.startswith(protocol.name) for name in protocol.metrics)
            metrics = {score.rsplit(".", 1)[0] for score in protocol.columns.values()}
            assert metrics - {"dlib"} <= set(protocol.metrics)
    with pytest.raises(UserError, match="unknown protocol 'dlb'; did you mean 'dlib'"):
        named("dlb")


def test_draws_share_what_they_should():
    table_, rng = FactorTable.of(Grid()), np.random.default_rng(0)
    images = draw_dlib(table_, rng)
    for part, count in (("train", 10_000), ("test", 5_000)):
        group, pair = images[f"{part}_group"], images[f"{part}_pair"]
        assert (group.shape, pair.shape) == ((count, 64), (count, 64, 2))
        rows = np.arange(count)
        shared = table_.ids[group][rows, :, images[f"{part}_group_labels"]]
        assert (shared == shared[:, :1]).all()
        first, second = np.moveaxis(
            table_.ids[pair][rows, :, :, images[f"{part}_pair_labels"]], 2, 0
        )
        assert (first == second).all()
        others = (images[f"{part}_pair_labels"] + 1) % 4
        free = table_.ids[pair][rows, :, :, others]
        assert 0.05 < (free[..., 0] == free[..., 1]).mean() < 0.3  # by chance only
        counts = np.bincount(images[f"{part}_group_labels"]) / count
        np.testing.assert_allclose(counts, 0.25, atol=0.03)


def test_evaluate_by_dlibs_protocol(tmp_path):
    path = tmp_path / "scores.json"
    record = evaluate(encode, Grid(), FAST, protocol="dlib", path=path)
    assert record["scores"]["dlib.factor_vae"] == 1
    assert set(record["scores"]) == {f"dlib.{name}" for name in FAST}
    assert record["protocol"] == {
        "name": "dlib", "drawn_from": 12_000, "reference": 10_000, "train": 10_000, "test": 5_000,
        "groups": 10_000, "test_groups": 5_000, "group_size": 64, "factors": ["a", "b", "c", "d"],
        "dataset": "Grid", "images": 12_000,
    }  # fmt: skip
    again = evaluate(encode, Grid(), FAST, protocol="dlib", path=path)
    assert again == json.loads(path.read_text()) == record
    with pytest.raises(UserError, match="holds scores of another protocol"):
        evaluate(encode, Grid(), ["mig"], path=path)


def test_a_metric_of_ones_own_has_the_protocols_name_too():
    def mine(train_codes, test_codes):
        return len(train_codes) / len(test_codes)

    record = evaluate(encode, Grid(), {"mine": mine}, protocol="dlib")
    assert record["scores"] == {"dlib.mine": 2}


def test_too_few_images():
    factors = np.stack(np.unravel_index(np.arange(64), (8, 8)), axis=1)
    few = LabelledImages(tiny.Bars().images(np.arange(64)), factors)
    message = (
        "--protocol dlib needs 15,000 samples with known factors .10,000 to train and 5,000 to "
        "test., but the data set has 64"
    )
    with pytest.raises(UserError, match=message):
        evaluate(lambda images: images[:, 0, :4, 0], few, protocol="dlib")
    with pytest.raises(UserError, match="--protocol infomec needs 10,000 .* has 64"):
        evaluate(lambda images: images[:, 0, :4, 0], tiny.Bars(), protocol="infomec")


def test_data_without_a_table_of_factors():
    class Faces:
        def __len__(self):
            return 20

    with pytest.raises(UserError, match="Faces has no table of factors"):
        evaluate(encode, Faces(), protocol="dlib")


def test_own_images_have_a_table():
    n = 15_000
    factors = np.random.default_rng(0).integers(0, 5, (n, 3))
    images = np.zeros((n, 1, 1, 3), np.float32) + factors[:, None, None]
    found = evaluate(encode, LabelledImages(images, factors), ["mig"], protocol="dlib")
    assert found["scores"]["dlib.mig"] > 0.99


def test_runs_on_own_pictures_leave_out_those_with_gaps():
    n, rng = 21_000, np.random.default_rng(0)
    factors = rng.integers(0, 5, (n, 2)).astype(float)
    pixels = np.zeros((n, 8, 8, 1), np.uint8)
    pixels[:, 0, :2, 0] = factors
    pixels[:, 0, 2, 0] = gap = rng.random(n) < 0.2
    factors[gap, 0] = np.nan
    arrays = ImageArrays(
        name="mine", images=pixels, factor_names=("a", "b"), continuous=(True, False),
        factors=factors,
    )  # fmt: skip
    data = dataset_of(arrays, ImageFormat(8), print)
    seen = []

    def look(images):
        if len(images) > 64:  # of no fingerprint
            seen.append(images[:, 0, 2, 0].max())
        return images[:, 0, :2, 0] * 255

    found = evaluate(look, data, FAST, protocol="dlib")
    assert found["scores"]["dlib.mig"] > 0.99
    assert found["scores"]["dlib.factor_vae"] == 1
    about = found["protocol"]
    assert (about["dataset"], about["images"], about["factors"]) == ("mine", n, ["a", "b"])
    assert about["drawn_from"] == n - gap.sum()
    assert max(seen) == 0


def test_the_score_command(tmp_path, capsys):
    file, out = codes_file(tmp_path / "codes.npz"), str(tmp_path / "scores.json")
    command = [file, "--protocol", "dlib", "--json", out]
    assert score_command.main([*command, "--metrics", "mig,dlib.factor_vae"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == ["dlib.mig", "dlib.factor_vae"]
    record = json.loads((tmp_path / "scores.json").read_text())
    assert record["scores"]["dlib.factor_vae"] == 1
    assert record["protocol"]["name"] == "dlib"
    assert record["protocol"]["drawn_from"] == 16_000
    assert score_command.main([file, "--protocol", "infomec", "--metrics", "infomec_discrete"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == [
        f"infomec_discrete.{name}" for name in ("infom", "infoe", "infoc")
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "dlib", "--metrics", "dic"], "unknown metric 'dic' of --protocol dlib"),
        (["--protocol", "infomec", "--metrics", "mig"], "unknown metric 'mig' of --protocol"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, options, message):
    assert score_command.main([codes_file(tmp_path / "codes.npz", 100), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_files_that_cannot_be_drawn_from(tmp_path, capsys):
    few = codes_file(tmp_path / "few.npz", 2000)
    np.savez(tmp_path / "no.npz", codes=np.ones((5, 2)))
    np.savez(tmp_path / "nan.npz", codes=np.full((5, 2), np.nan), factor_ids=np.eye(5, 2))
    np.savez(tmp_path / "one.npz", codes=np.eye(5, 2), factor_ids=np.ones((5, 2), int))
    for file, message in [
        (few, "needs 15,000 samples with known factors (10,000 to train and 5,000 to test), but "
         "the file has 2,000"),
        (tmp_path / "no.npz", "but the file has no factor_ids"),
        (tmp_path / "nan.npz", "codes holds 10 NaN or infinite values"),
        (tmp_path / "one.npz", "factor_ids: factor 0 has the single value 1"),
    ]:  # fmt: skip
        assert score_command.main([str(file), "--protocol", "dlib"]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_score_files_have_the_protocols_name(finished_run):
    config = InfoGANCRConfig(**tiny.CONFIG)
    assert set(final_metrics.checkpoints(finished_run, config, "dlib")) == {
        "final_metrics_dlib.json",
        "final_metrics_dlib_global_id-11.json",
    }
    metrics = named("dlib").chosen(["mig"])
    final_metrics.score_run(tiny.build(), tiny.Bars(), metrics, finished_run, protocol="dlib")
    found = records.read(finished_run, "final_metrics_dlib.json")
    assert list(found["scores"]) == ["dlib.mig"]
    assert final_metrics.is_done(finished_run, metrics, config, "dlib")
    assert not final_metrics.is_done(finished_run, metrics, config)
    assert not (finished_run / "final_metrics.json").exists()


def test_the_main_script_passes_the_protocol_on(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    script = "main_final_metrics.py"
    found = run(experiment, "--runs", "3", "--protocol", "dlib", "--dry-run", script=script)
    assert "1 to score" in found.stdout
    assert "finished" in found.stdout
    assert found.stdout.rstrip().endswith("main_final_metrics.py --protocol dlib scores it")
    found = run(experiment, "--protocol", "dlb", script=script)
    assert found.returncode == 2


DLIB = PAPERS | {"name": "dlib", "drawn_from": 737_280, "train": 10_000, "test": 5_000}


def save_both(folder):
    save_record(folder / "a.json")
    scores = {"dlib.mig": 0.25, "dlib.dci.completeness": 0.5}
    save_record(folder / "b.json", DLIB, scores)


def test_tables_never_mix_protocols(tmp_path, capsys):
    save_both(tmp_path)
    assert table.main([str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "dlib" not in out
    assert err == "note: 1 record of scores by --protocol dlib left out\n"
    assert table.main([str(tmp_path), "--protocol", "dlib", "--csv", str(tmp_path / "t.csv")]) == 0
    out, err = capsys.readouterr()
    ((heading, (names, row)),) = read_tables(out)[0].items()
    assert heading.startswith("**dSprites, disentanglement_lib's protocol**: 737,280 images, ")
    assert "10,000 training and 5,000 test images" in heading
    assert dict(zip(names, row, strict=True))["C"] == "0.50"
    assert dict(zip(names, row, strict=True))["MIG"] == "0.25"
    assert "FactorVAE" not in names
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert "dlib.mig,dlib.mig s.e." in lines[0]
    assert "dlib: 737,280 images" in lines[1]
    assert err == "note: 1 record of scores by --protocol paper left out\n"


def test_a_protocol_without_scores(tmp_path, capsys):
    save_record(tmp_path / "a.json")
    assert table.main([str(tmp_path), "--protocol", "infomec"]) == 2
    assert "no scores by --protocol infomec: run main_final_metrics.py --protocol infomec" in (
        capsys.readouterr().err
    )


def test_all_tables_at_once_are_apart(tmp_path):
    save_both(tmp_path)
    found = table.find_records([tmp_path])
    first, second = table.compare(found)
    assert (first.is_papers, second.is_papers) == (True, False)
    assert second.protocol.name == "dlib"
    assert [row.source for row in second.rows] == ["ours"]


def test_scores_of_an_unknown_protocol_stand_apart():
    assert ImageProtocol.of({"protocol": PAPERS | {"name": "other"}}).name == "other"
