"""disentanglement-score: score codes from any program, in one npz file."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from disentanglement.evaluation import score_command as score
from disentanglement.metrics.suite import METRICS
from tests import codes
from tests.test_metrics_golden import ARRAYS as GOLDEN

FAST = "factor_vae,beta_vae,sap,mig,modularity,dci_lasso"


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture
def file(tmp_path):
    return save(tmp_path / "codes.npz", **codes.arrays(codes.identity))


def run(capsys, *arguments):
    status = score.main(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def test_the_installed_command_prints_the_papers_scores(tmp_path):
    file = save(tmp_path / "codes.npz", **GOLDEN)
    command = [Path(sys.executable).with_name("disentanglement-score"), file]
    result = subprocess.run(
        [*command, "--metrics", FAST], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert dict(line.split()[:2] for line in result.stdout.splitlines()) == {
        "factor_vae": "0.8440",
        "beta_vae": "0.7760",
        "sap": "0.1371",
        "mig": "0.1024",
        "modularity": "0.8318",
        "dci_lasso.disentanglement": "0.2416",
        "dci_lasso.completeness": "0.2401",
    }


def test_all_names_and_the_json_file(tmp_path, capsys):
    file = save(tmp_path / "a.npz", **codes.arrays(codes.mixed, (2, 3, 4)))
    status, out, err = run(capsys, file, "--json", str(tmp_path / "deep" / "scores.json"))
    assert (status, err) == (0, "")
    found = json.loads((tmp_path / "deep" / "scores.json").read_text())
    forests = [
        f"{n}.{s}" for n in METRICS if "dci" in n for s in ("disentanglement", "completeness")
    ]
    others = [n for n in METRICS if "dci" not in n and n != "sample_quality"]
    assert set(found["scores"]) == set(others + forests)
    assert found["skipped"] == {"sample_quality": "no array shape_probabilities"}
    assert f"{'sample_quality':40}  skipped: no array shape_probabilities" in out
    assert found["protocol"]["arrays"]["codes"] == [24, 4]
    for name, value in found["scores"].items():
        assert f"{name:40} {value:8.4f}" in out


def test_metrics_without_their_arrays_are_named(tmp_path, capsys):
    arrays = codes.arrays(codes.identity)
    file = save(tmp_path / "a.npz", codes=arrays["codes"], factor_ids=arrays["factor_ids"])
    status, out, _ = run(capsys, file)
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    ran = {name for name, value in lines if not value.startswith("skipped")}
    assert status == 0
    assert ran == {"mig", "modularity", "explicitness"}
    assert ["sap", "skipped: no array factors nor continuous"] in lines
    status, _, err = run(capsys, file, "--metrics", "sap")
    assert (status, err) == (2, f"error: {file}: no metric could run\n")


def test_what_is_scored_already_is_kept(tmp_path, file, capsys):
    out = str(tmp_path / "scores.json")
    run(capsys, file, "--metrics", "mig", "--json", out)
    first = json.loads(Path(out).read_text())["metrics"]["mig"]
    _, printed, _ = run(capsys, file, "--metrics", "mig,sap", "--json", out)
    both = json.loads(Path(out).read_text())
    assert list(both["metrics"]) == ["mig", "sap"]
    assert both["metrics"]["mig"] == first
    assert [line.split()[0] for line in printed.splitlines()] == ["mig", "sap"]
    other = save(tmp_path / "codes.npz", **codes.arrays(codes.mixed))  # same name, other codes
    _, printed, _ = run(capsys, other, "--metrics", "mig", "--json", out)
    assert (
        f"{out} holds scores of another protocol; it is now {tmp_path / 'scores.old-1.json'}"
        in printed
    )
    assert json.loads(Path(out).read_text())["metrics"]["mig"] != first
    assert json.loads((tmp_path / "scores.old-1.json").read_text()) == both


def test_dead_codes_are_mentioned(tmp_path, capsys):
    file = save(tmp_path / "a.npz", **codes.arrays(lambda c: np.c_[codes.identity(c), c[:, 0] * 0]))
    _, out, _ = run(capsys, file, "--metrics", "sap,dhsic")
    assert out.count("1 code does not vary") == 2


def test_the_seed_reaches_the_forests(file, capsys):
    def scores(file, seed):
        out = run(capsys, file, "--metrics", "dci_rf", "--seed", seed)[1]
        return re.sub(r"[\d.]+ s$", "", out, flags=re.MULTILINE)  # without the seconds they took

    assert scores(file, "0") == scores(file, "0")
    mixed = save(Path(file).with_name("m.npz"), **codes.arrays(codes.mixed))
    assert scores(mixed, "0") != scores(mixed, "1")


def test_unknown_arrays_are_noted(tmp_path, capsys):
    arrays = codes.arrays(codes.identity)
    file = save(tmp_path / "a.npz", code=np.ones(3), **arrays)
    _, out, _ = run(capsys, file, "--metrics", "mig")
    assert "note: array 'code' is ignored; did you mean 'codes'?" in out


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"codes": np.full((2880, 5), np.nan)}, "codes holds 14,400 NaN or infinite values"),
        ({"group_codes": np.ones((50, 5))}, "group_codes must have the shape [M, L, K]"),
        ({"group_labels": np.full(50, 9)}, "group_labels must be 0 .. 4 (5 factors)"),
        ({"factors": np.ones((2880, 5))}, "factors: factor 0 has the single value 1"),
        ({"codes": np.full((2880, 5), "a")}, "codes has dtype <U1: it must hold numbers"),
        (
            {"codes": np.array([[1, None]], dtype=object)},
            "codes is an object (pickled) array, which is never opened: save numbers",
        ),
    ],
)
def test_bad_arrays_are_one_line(tmp_path, capsys, arrays, message):
    file = save(tmp_path / "a.npz", **codes.arrays(codes.identity) | arrays)
    status, out, err = run(capsys, file)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_pickle_is_never_opened(tmp_path, capsys):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    file = save(tmp_path / "a.npz", codes=np.array([Bomb()], dtype=object))
    assert run(capsys, file)[0] == 2
    assert not (tmp_path / "exploded").exists()


def test_bad_files_and_options_are_one_line(tmp_path, file, capsys):
    whole = Path(file).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.npz").write_text("codes")
    np.save(tmp_path / "one.npy", np.ones((3, 2)))
    with zipfile.ZipFile(tmp_path / "member.npz", "w") as archive:
        archive.writestr("codes", "no array")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    (tmp_path / "flipped.npz").write_bytes(flipped)
    for arguments, message in [
        ([str(tmp_path / "absent.npz")], "absent.npz: No such file"),
        ([str(tmp_path / "cut.npz")], "cut.npz: damaged, or not an npz file"),
        ([str(tmp_path / "text.npz")], "text.npz: damaged, or not an npz file"),
        ([str(tmp_path / "flipped.npz")], "flipped.npz: damaged, or not an npz file"),
        ([str(tmp_path / "one.npy")], "one.npy: is a single array, not an npz file"),
        ([str(tmp_path)], "there is a folder where a file is needed"),
        ([file, "--metrics", "mgi"], "unknown metric 'mgi'; did you mean 'mig'?"),
        ([file, "--metrics", ","], "--metrics is empty: choose from"),
        ([file, "--seed", "-1"], "--seed -1: must be 0 or more"),
        ([file, "--json", file], "that is the file with the codes; name another"),
        ([str(tmp_path / "member.npz")], "its member 'codes' is not an array"),
        (
            [file, "--metrics", "mig", "--json", f"{file}/x.json"],
            "there is a file where a folder is needed",
        ),
    ]:
        status, _, err = run(capsys, *arguments)
        assert status == 2, message
        assert message in err
        assert err.count("\n") == 1
