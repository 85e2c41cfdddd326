"""disentanglement-select: files of codes in, a ranking out."""

import json

import numpy as np
import pytest

from disentanglement import console
from disentanglement.evaluation import select_command
from disentanglement.evaluation.codes import save_codes
from disentanglement.selection.ranking import rank_correlation
from disentanglement.selection.udr import udr
from tests.tiny import Bars

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, 5, (1200, 3))


def write(path, noise=0.0, order=(0, 1, 2), **more):
    codes = FACTORS[:, order] * [1, -1, 2] + RNG.normal(0, 1, (1200, 3)) * noise
    np.savez(path, **({"codes": codes} | more))
    return codes


@pytest.fixture
def files(tmp_path):
    """Three good models and a noisy one, and their codes."""
    paths = [tmp_path / f"{name}.npz" for name in ("clean", "turned", "other", "noisy")]
    noises, orders = (0.1, 0.1, 0.2, 1.5), ((0, 1, 2), (2, 0, 1), (1, 0, 2), (0, 1, 2))
    codes = [write(*each) for each in zip(paths, noises, orders, strict=True)]
    return paths, codes


def select(paths, *options):
    return select_command.main([*map(str, paths), *map(str, options)])


@pytest.mark.parametrize("method", ["udr-lasso", "udr-spearman"])
def test_a_ranking(files, method, tmp_path, capsys):
    paths, codes = files
    out = tmp_path / "out.json"
    assert select(paths, "--method", method, "--json", out) == 0
    record = json.loads(out.read_text())
    expected = udr([each[:1000] for each in codes], method.removeprefix("udr-"))
    assert [m["score"] for m in record["models"]] == pytest.approx(expected.scores)
    assert np.array(record["matrix"]) == pytest.approx(expected.pairs)
    assert record["images"] == 1000
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith(f"{record['chosen']}  <- chosen")
    assert lines[4].split()[-1] == "noisy"
    assert "rank correlation" not in lines[-1]  # no labels
    assert select(paths, "--json", out) == console.MISTAKE
    assert select(paths, "--json", out, "--force") == 0


def test_supervised_scores_beside(files, tmp_path, capsys):
    paths, codes = files
    labels = {"factors": FACTORS.astype(float), "factor_ids": FACTORS, "continuous": [1, 1, 1]}
    for path, each in zip(paths, codes, strict=True):
        np.savez(path, codes=each, **labels)
    out = tmp_path / "out.json"
    assert select(paths, "--metrics", "mig,sap,factor_vae", "--json", out) == 0
    record = json.loads(out.read_text())
    scores = [m["score"] for m in record["models"]]
    for metric in ("mig", "sap"):
        values = [m["supervised"][metric] for m in record["models"]]
        assert np.argmin(values) == 3
        assert record["rank_correlation"][metric] == rank_correlation(scores, values)
    assert "factor_vae" not in record["rank_correlation"]  # no groups
    assert "rank correlation with supervised scores: mig" in capsys.readouterr().out
    assert select(paths, "--metrics", "none") == 0
    assert "mig" not in capsys.readouterr().out


def test_files_of_save_codes_share_their_images(tmp_path, capsys):
    def encode(images):
        return images.reshape(len(images), 64, 64).mean(axis=2)[:, [20, 32, 40]]

    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        save_codes(tmp_path / f"{name}.npz", encode, Bars(), seed)
    a, b, c = (tmp_path / f"{name}.npz" for name in "abc")
    assert select([a, b], "--metrics", "factor_vae") == 0
    assert "note: all scores are the same" in capsys.readouterr().out
    assert select([a, c]) == console.MISTAKE
    (line,) = capsys.readouterr().err.splitlines()
    assert f"error: {a} and {c} are of different images (their arrays 'factors' differ)" in line


def test_kl_leaves_codes_out(files, capsys):
    paths, codes = files
    for path, each in zip(paths, codes, strict=True):
        noise = np.concatenate([each, RNG.normal(size=(1200, 2))], axis=1)
        np.savez(path, codes=noise, kl=[1, 0.5, 2, 0.003, 0.01])
    assert select(paths) == 0
    assert capsys.readouterr().out.count("3 of 5") == 4


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"codes": FACTORS[:1199]}, "turned.npz: its codes are of 1,199 images, those of "),
        ({"codes": np.full((1200, 3), np.nan)}, "turned.npz: codes holds 3,000 NaN"),
        ({"codes": FACTORS, "kl": [1, 2]}, r"kl has shape (2,): it must hold a number for each"),
        ({"codes": FACTORS, "kl": [1, np.nan, 2]}, "kl must hold numbers, not [1.0, nan, 2.0]"),
        ({"codes": FACTORS, "kl": ["a", "b", "c"]}, "kl must hold numbers, not ['a', 'b', 'c']"),
        ({"coeds": FACTORS}, "no array 'codes' [N, K]: save each model's codes under that name"),
    ],
)
def test_mistakes_are_one_line(files, more, message, capsys):
    (first, path, *_), _ = files
    np.savez(path, **more)
    assert select([first, path]) == console.MISTAKE
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert str(path) in line


def test_the_file_at_fault_is_named_among_many(files, tmp_path, capsys):
    paths = [tmp_path / f"{i}.npz" for i in range(12)]
    for path in paths:
        write(path, 0.2)
    np.savez(paths[-1], codes=np.full((1200, 3), np.nan))
    assert select(paths) == console.MISTAKE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {paths[-1]}: codes holds 3,000 NaN")


def test_no_file_is_given_twice_or_overwritten(files, capsys):
    (first, second, *_), _ = files
    before = first.read_bytes()
    assert select([first, second], "--json", first, "--force") == console.MISTAKE
    assert "that is one of the files to compare" in capsys.readouterr().err
    assert first.read_bytes() == before
    assert select([first, second, first]) == console.MISTAKE
    assert f"error: {first} is given twice" in capsys.readouterr().err


def test_labels_that_only_some_files_have(files, capsys):
    (first, second, third, _), codes = files
    for path, each, ids in ((second, codes[1], FACTORS), (third, codes[2], FACTORS[::-1])):
        labels = {"factors": ids.astype(float), "factor_ids": ids, "continuous": [1, 1, 1]}
        np.savez(path, codes=each, **labels)
    assert select([first, second]) == 0
    assert f"note: mig is left out: {first} has no " in capsys.readouterr().out
    assert select([first, second, third]) == console.MISTAKE  # the second and the third differ
    assert f"error: {second} and {third} are of different images" in capsys.readouterr().err
    assert select([first, files[0][3]], "--metrics", "mig") == 0
    assert "note: mig is left out" in capsys.readouterr().out
    assert select([first, files[0][3]]) == 0
    assert "left out" not in capsys.readouterr().out


def test_one_file(files, capsys):
    assert select(files[0][:1]) == console.MISTAKE
    (line,) = capsys.readouterr().err.splitlines()
    assert "1 model cannot be compared, train at least 2" in line


def test_pickles_and_unknown_metrics(files, tmp_path, capsys):
    paths, _ = files
    np.savez(paths[1], codes=np.array([{}], object), allow_pickle=True)
    assert select(paths[:2]) == console.MISTAKE
    assert "object (pickled) array, which is never opened" in capsys.readouterr().err
    assert select(paths[:1], "--metrics", "migg") == console.MISTAKE
    assert "no metric 'migg'" in capsys.readouterr().err
