"""Choosing the protocol's images, encoding each once, and the record of an evaluation."""

import json
import re
import signal
import subprocess
import sys
import textwrap
import warnings
import zlib

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from disentanglement.data.dsprites.render import FACTOR_SIZES, FACTOR_VALUES
from disentanglement.errors import UserError
from disentanglement.evaluation import evaluate as evaluation
from disentanglement.evaluation.computed_arrays import ComputedArray
from disentanglement.metrics.suite import METRICS
from tests.experiments import ROOT

FAST = {name: METRICS[name] for name in ("factor_vae", "mig", "dci_rf")}


class Grid:
    """A data set whose images are its factors' classes, which serve as codes."""

    def __init__(self, sizes=(1, 3, 4, 5, 30), values=None):
        self.factor_sizes = sizes
        self.factor_names = [f"factor {i}" for i in range(len(sizes))]
        self.factor_values = values or [np.arange(size) * 0.5 for size in sizes]
        self.continuous = [False, False, *[True] * (len(sizes) - 2)]

    def __len__(self):
        return int(np.prod(self.factor_sizes))

    def images(self, indices):
        classes = np.stack(np.unravel_index(indices, self.factor_sizes), axis=1)
        return classes[:, 1:].astype(np.float32)

    def index(self, factors):
        return np.ravel_multi_index(tuple(factors.T), self.factor_sizes)


class Counting:
    """An encoder that counts how often it sees each image."""

    def __init__(self):
        self.seen = {}

    def __call__(self, images):
        for image in map(tuple, images):
            self.seen[image] = self.seen.get(image, 0) + 1
        return images[:, [1, 0, 2, 3]] + 0.1 * images


# ---- images and codes ---------------------------------------------------------------------------


def test_the_papers_protocol_on_dsprites():
    data = Grid(FACTOR_SIZES, FACTOR_VALUES)
    images = evaluation.draw_images(data, np.random.default_rng(0))
    assert images["group"].shape == (500, 100)
    assert images["group_labels"].tolist() == [i % 5 for i in range(500)]
    assert len(images["reference"]) == len(images["sample"]) == 73728
    assert len(np.unique(images["reference"])) == 73728
    for indices, label in zip(images["group"], images["group_labels"], strict=True):
        values = [len(set(column)) for column in data.images(indices).T]
        assert values[label] == 1
        assert min(values[:label] + values[label + 1 :]) > 1


def test_the_sample_has_independent_factors_and_their_values():
    data = Grid(FACTOR_SIZES, FACTOR_VALUES)
    images = evaluation.draw_images(data, np.random.default_rng(0), groups=5)
    arrays = evaluation.encode_images(lambda images: images, data, images, ["codes"])
    np.testing.assert_array_equal(arrays["codes"], arrays["factor_ids"])
    expected = np.stack(
        [FACTOR_VALUES[i + 1][arrays["factor_ids"][:, i]] for i in range(5)], axis=1
    )
    np.testing.assert_array_equal(arrays["factors"], expected)
    correlation = np.corrcoef(arrays["factor_ids"].T) - np.eye(5)
    assert np.abs(correlation).max() < 0.02
    counts = np.bincount(arrays["factor_ids"][:, 0])
    assert np.abs(counts / 73728 - 1 / 3).max() < 0.01


def test_every_image_is_encoded_once():
    data, encode = Grid(), Counting()
    images = evaluation.draw_images(data, np.random.default_rng(0), groups=20)
    arrays = evaluation.encode_images(encode, data, images)
    assert set(encode.seen.values()) == {1}
    for name, indices in (("group_codes", "group"), ("reference_codes", "reference")):
        np.testing.assert_array_equal(
            arrays[name].reshape(-1, 4), Counting()(data.images(images[indices].ravel()))
        )
    np.testing.assert_array_equal(arrays["codes"], Counting()(data.images(images["sample"])))


def test_only_what_is_needed_is_encoded():
    data, encode = Grid(), Counting()
    images = evaluation.draw_images(data, np.random.default_rng(0))
    arrays = evaluation.encode_images(encode, data, images, ["reference_codes"])
    assert len(encode.seen) == len(images["reference"])
    assert "codes" not in arrays


@pytest.mark.parametrize("shape", [(3,), (3, 2, 1), (2, 2)])
def test_an_encoder_of_wrong_shape(shape):
    with pytest.raises(UserError, match=r"encode returned .* it must return codes \[n, K\]"):
        evaluation.evaluate(lambda images: np.zeros(shape), Grid(), FAST)


# ---- evaluate -----------------------------------------------------------------------------------


def test_the_record(tmp_path):
    path = tmp_path / "scores.json"
    model = {"name": "made up", "note": "text [ with  spaces ]"}
    found = evaluation.evaluate(Counting(), Grid(), FAST, seed=3, path=path, model=model)
    saved = json.loads(path.read_text())
    assert saved == found
    assert list(saved["scores"]) == [
        "factor_vae", "mig", "dci_rf.disentanglement", "dci_rf.completeness",
    ]  # fmt: skip
    assert saved["seed"] == 3
    assert saved["model"] == model
    assert saved["protocol"] == {
        "dataset": "Grid",
        "images": 1800,
        "groups": 500,
        "group_size": 100,
        "reference": 180,
        "sample": 180,
        "factors": ["factor 1", "factor 2", "factor 3", "factor 4"],
    }
    assert np.shape(saved["metrics"]["mig"]["evidence"]["mutual_information"]) == (4, 4)
    assert saved["metrics"]["mig"]["scores"] == {"mig": saved["scores"]["mig"]}
    assert saved["metrics"]["dci_rf"]["seconds"] > 0
    (session,) = saved["sessions"]
    assert {"scikit-learn", "numpy"} <= session["versions"].keys()
    assert session["encoding_seconds"] >= 0
    assert session["metrics"] == list(FAST)
    again = evaluation.evaluate(Counting(), Grid(), FAST, seed=3)
    assert again["scores"] == saved["scores"]


def test_nothing_is_computed_twice(tmp_path):
    path = tmp_path / "scores.json"
    first = evaluation.evaluate(Counting(), Grid(), {"mig": METRICS["mig"]}, path=path)

    def broken(codes):
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        evaluation.evaluate(Counting(), Grid(), FAST | {"broken": broken}, path=path)
    saved = json.loads(path.read_text())
    assert set(saved["metrics"]) == set(FAST)  # what came before it is safe
    assert saved["metrics"]["mig"] == first["metrics"]["mig"]
    assert [session["metrics"] for session in saved["sessions"]] == [
        ["mig"],
        ["factor_vae", "dci_rf"],
    ]

    encode = Counting()
    assert evaluation.evaluate(encode, Grid(), FAST, path=path) == saved
    assert sorted(encode.seen.values()) == [2] * 64  # only those of the fingerprint


KILLED = """
    import os, signal, sys
    from disentanglement.evaluation.evaluate import evaluate
    from tests.test_evaluation import FAST, Counting, Grid

    def kill(codes):
        os.kill(os.getpid(), signal.SIGKILL)

    evaluate(Counting(), Grid(), {"mig": FAST["mig"], "kill": kill}, path=sys.argv[1])
"""


def test_kill_9_loses_no_finished_metric(tmp_path):
    path = tmp_path / "scores.json"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(path)]
    result = subprocess.run(command, cwd=ROOT, check=False)
    assert result.returncode == -signal.SIGKILL
    assert list(json.loads(path.read_text())["scores"]) == ["mig"]
    resumed = evaluation.evaluate(Counting(), Grid(), FAST, path=path)
    assert resumed["scores"] == evaluation.evaluate(Counting(), Grid(), FAST)["scores"]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"seed": 1}, "scores of another seed"),
        ({"model": {"name": "other"}}, "scores of another model"),
        ({"encode": lambda images: Counting()(images) + 0.01}, "another encoder"),
        ({"dataset": Grid((1, 3, 4, 5, 20))}, "scores of another protocol"),
    ],
)
def test_a_record_of_something_else_is_refused_or_kept(tmp_path, change, difference):
    path = tmp_path / "scores.json"
    arguments = {"encode": Counting(), "dataset": Grid(), "metrics": FAST, "path": path}
    first = evaluation.evaluate(**arguments)
    with pytest.raises(
        UserError, match=rf"scores.json: holds .*{difference}.*: choose .*overwrite=True"
    ):
        evaluation.evaluate(**arguments | change)
    assert json.loads(path.read_text()) == first
    second = evaluation.evaluate(**arguments | change, overwrite=True)
    assert json.loads((tmp_path / "scores.old-1.json").read_text()) == first
    assert json.loads(path.read_text()) == second
    assert first["scores"] != second["scores"] or "model" in change or "encode" in change


def test_an_encoder_is_recognised_up_to_rounding(tmp_path):
    path = tmp_path / "scores.json"
    evaluation.evaluate(Counting(), Grid(), ["mig"], path=path)
    rounded = evaluation.evaluate(
        lambda images: Counting()(images) * (1 + 1e-5), Grid(), FAST, path=path
    )
    assert set(rounded["metrics"]) == set(FAST)
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]


def test_a_large_code_does_not_hide_the_others(tmp_path):
    def encode(images, share=0.0):
        codes = Counting()(images)
        codes[:, 0] *= 1e7
        codes[:, 1] += share * codes[:, 2]
        return codes

    arguments = {"dataset": Grid(), "metrics": ["mig"], "path": tmp_path / "scores.json"}
    evaluation.evaluate(encode, **arguments)
    evaluation.evaluate(lambda images: encode(images) * (1 + 1e-5), **arguments)
    with pytest.raises(UserError, match="another encoder"):
        evaluation.evaluate(lambda images: encode(images, 0.01), **arguments)


def test_encoders_that_differ_in_few_images_are_told_apart(tmp_path):
    def encode(images):
        codes = Counting()(images)
        codes[images[:, 3] == 5] += 1  # one image in 30
        return codes

    arguments = {"dataset": Grid(), "metrics": ["mig"], "path": tmp_path / "scores.json"}
    evaluation.evaluate(Counting(), **arguments)
    with pytest.raises(UserError, match="another encoder"):
        evaluation.evaluate(encode, **arguments)


def test_an_encoder_that_samples_its_codes(tmp_path):
    rng = np.random.default_rng(0)

    def encode(images):
        return images + rng.normal(size=images.shape)

    arguments = {"dataset": Grid(), "metrics": ["mig"], "path": tmp_path / "scores.json"}
    first = evaluation.evaluate(encode, **arguments, model={"name": "a"})
    assert first["fingerprint"]["stochastic"] is True
    again = evaluation.evaluate(encode, **arguments, model={"name": "a"})
    assert again["metrics"] == first["metrics"]
    assert len(again["sessions"]) == 1
    for other, model, difference in [
        (encode, "b", "another model"),
        (Counting(), "a", "another encoder"),
        (lambda images: encode(images)[:, :3], "a", "another encoder"),
    ]:
        with pytest.raises(UserError, match=difference):
            evaluation.evaluate(other, **arguments, model={"name": model})


def test_a_fingerprint_of_other_images_is_compared_on_these(tmp_path):
    path = tmp_path / "scores.json"
    arguments = {"dataset": Grid(), "metrics": ["mig"], "path": path}
    numbers = np.linspace(0, 1799, 8).astype(int)  # as earlier versions chose them
    images = Grid().images(numbers)
    record = evaluation.evaluate(Counting(), Grid(), ["mig"])
    old = {
        "images": numbers.tolist(),
        "images_checksum": f"{zlib.crc32(images.tobytes()):08x}",
        "codes": Counting()(images).tolist(),
    }
    path.write_text(json.dumps(record | {"fingerprint": old}))
    again = evaluation.evaluate(Counting(), **arguments)
    assert again["metrics"] == record["metrics"]
    assert again["fingerprint"]["images"] == old["images"]
    with pytest.raises(UserError, match="another encoder"):
        evaluation.evaluate(lambda images: 2 * Counting()(images), **arguments)
    new = evaluation.evaluate(lambda images: 2 * Counting()(images), **arguments, overwrite=True)
    assert len(new["fingerprint"]["images"]) == 64
    rows = [line for line in path.read_text().splitlines() if line.startswith("      [")]
    assert len(rows) >= 64  # a line for each image's codes


def test_records_without_a_fingerprint_continue_only_with_a_checkpoint(tmp_path):
    path = tmp_path / "scores.json"
    for model in ({"name": "mine"}, {"name": "run", "checkpoint": "abc"}):
        record = evaluation.evaluate(Counting(), Grid(), ["mig"], model=model)
        del record["fingerprint"]
        path.write_text(json.dumps(record))
        again = {"encode": Counting(), "dataset": Grid(), "metrics": ["mig"], "model": model}
        if "checkpoint" in model:
            assert evaluation.evaluate(**again, path=path)["fingerprint"]["codes"]
        else:
            with pytest.raises(UserError, match="another encoder"):
                evaluation.evaluate(**again, path=path)


def test_metrics_that_cannot_run_are_named(tmp_path):
    only_one = Grid((1, 1, 30))
    names = ("modularity", "beta_vae", "mig", "sample_quality")
    metrics = {name: METRICS[name] for name in names}
    found = evaluation.evaluate(lambda images: images, only_one, metrics, path=tmp_path / "a.json")
    assert list(found["scores"]) == ["mig"]
    assert set(found["skipped"]) == {"modularity", "beta_vae", "sample_quality"}
    assert found["skipped"]["modularity"] == "modularity needs two factors or more"
    assert found["skipped"]["sample_quality"] == "no array shape_probabilities"


def test_arrays_are_computed_where_a_metric_needs_them():
    made = []

    def shapes():
        made.append(1)
        return np.eye(3)

    computed = {"shape_probabilities": ComputedArray(shapes, {"classifier": "abc"})}
    evaluation.evaluate(Counting(), Grid(), FAST, computed=computed)
    assert not made
    metrics = {"sample_quality": METRICS["sample_quality"]}
    found = evaluation.evaluate(Counting(), Grid(), metrics, computed=computed)
    assert found["scores"]["sample_quality.inception_score"] == pytest.approx(3)
    inputs = found["metrics"]["sample_quality"]["inputs"]["shape_probabilities"]
    assert inputs["classifier"] == "abc"
    assert inputs["seconds"] >= 0


def test_learners_that_do_not_converge_are_counted_in_one_line(caplog):
    caplog.set_level("INFO")

    def stubborn(codes):
        for _ in range(3):
            warnings.warn("Objective did not converge.", ConvergenceWarning, stacklevel=1)
        return 0.5

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluation.evaluate(Counting(), Grid(), {"stubborn": stubborn})
    assert found["metrics"]["stubborn"]["unconverged_fits"] == 3
    (line,) = [r.message for r in caplog.records if "stubborn" in r.message]
    assert line.endswith("3 fits of its learner did not converge")


def test_names_and_metrics_of_ones_own():
    def mean_code(codes):
        return codes.mean()

    found = evaluation.evaluate(Counting(), Grid(), {"mine": mean_code})
    assert found["scores"]["mine"] > 0
    by_name = evaluation.evaluate(Counting(), Grid(), ["mig"])
    assert list(by_name["scores"]) == ["mig"]


def test_a_description_is_compared_as_json(tmp_path):
    path = tmp_path / "scores.json"
    for _ in range(2):
        evaluation.evaluate(Counting(), Grid(), ["mig"], path=path, model={"layers": (3, 4)})
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]


def test_a_foreign_file_is_kept(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text('{"mine": 1}')
    with pytest.raises(UserError, match="is not a record of scores"):
        evaluation.evaluate(Counting(), Grid(), ["mig"], path=path)
    evaluation.evaluate(Counting(), Grid(), ["mig"], path=path, overwrite=True)
    assert (tmp_path / "scores.old-1.json").read_text() == '{"mine": 1}'


def test_mistakes_in_the_call():
    calls = iter(range(9))

    def encode(images):
        return np.zeros((len(images), 2 + next(calls) % 2))

    for arguments, options, message in [
        ((Counting(), Grid(), ["mgi"]), {}, "unknown metric 'mgi'; did you mean 'mig'?"),
        ((Counting(), Grid(), ["mig"]), {"seed": -1}, "seed -1: must be 0 or more"),
        ((Counting(), Grid(), ["mig"]), {"model": {"x": np.float32(1)}}, "must be JSON values"),
        ((encode, Grid((1, 9, 30, 30, 9)), ["mig"]), {}, "different numbers of codes"),
    ]:
        with pytest.raises(UserError, match=re.escape(message)):
            evaluation.evaluate(*arguments, **options)


def test_a_metric_with_an_unknown_parameter_is_one_line():
    def brightness(pictures):
        return pictures.mean()

    with pytest.raises(UserError, match="brightness takes 'pictures'") as e:
        evaluation.evaluate(Counting(), Grid(), {"mine": brightness})
    assert "\n" not in str(e.value)


def test_a_data_set_without_factors_or_images_for_metrics_is_one_line():
    class Photos:
        def __len__(self):
            return 9

        def images(self, indices):
            return np.zeros((len(indices), 4), np.float32)

    with pytest.raises(UserError, match="Photos cannot be used for scoring") as e:
        evaluation.evaluate(Counting(), Photos(), FAST)
    assert "\n" not in str(e.value)


def test_training_scores_without_metrics_are_empty():
    class NoImages:
        """Fails if anything asks for its images."""

    assert evaluation.TrainingScores(None, NoImages(), {})() == {}


def test_nan_codes_are_one_clear_line():
    def encode(images):
        codes = images.copy()
        codes[5, 1] = np.nan
        return codes

    with pytest.raises(
        UserError, match=r"group_codes holds [\d,]+ NaN or infinite values, the first"
    ):
        evaluation.evaluate(encode, Grid(), FAST)
    images = evaluation.draw_images(Grid(), np.random.default_rng(0))
    arrays = evaluation.encode_images(encode, Grid(), images)
    with pytest.raises(UserError, match="metric factor_vae: group_codes holds"):
        evaluation.score(FAST, arrays)
