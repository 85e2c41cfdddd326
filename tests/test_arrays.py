"""Arrays that metrics cannot use, and how a metric's parameters choose its arrays."""

import numpy as np
import pytest

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.metric import Metric
from disentanglement.metrics.suite import METRICS
from tests import codes

GOOD = codes.arrays(codes.mixed) | {"shape_probabilities": np.eye(3)}


def changed(name, index, value):
    array = GOOD[name].astype(float)
    array[index] = value
    return {name: array}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (changed("codes", (3, 1), np.nan), r"codes holds 1 NaN or infinite value, .* at \[3, 1\]"),
        (changed("group_codes", (2, 0, 1), -np.inf), r"group_codes holds 1 NaN .* at \[2, 0, 1\]"),
        (
            {"group_codes": GOOD["codes"]},
            r"group_codes must have the shape \[M, L, K\], not \(2880",
        ),
        ({"codes": GOOD["codes"][:, 0]}, r"codes must have the shape \[N, K\], not \(2880,\)"),
        ({"group_labels": GOOD["group_labels"][:-1]}, r"group_labels \[M\] has M = 49, .* M = 50"),
        (
            {"factors": GOOD["factors"][:-1]},
            r"factors \[N, F\] has N = 2879, but codes .* N = 2880",
        ),
        ({"reference_codes": np.ones((9, 3))}, r"reference_codes \[N0, K\] has K = 3, .* K = 4"),
        ({"continuous": [True]}, r"continuous \[F\] has F = 1, but factors .* F = 5"),
        (changed("group_labels", 0, 5), r"group_labels must be 0 .. 4 \(5 factors\), .* 0 to 5"),
        (changed("group_labels", 0, -1), r"group_labels must be 0 .. 4 \(5 factors\), .* -1 to 4"),
        (changed("group_labels", 0, 0.5), r"group_labels must hold integers, not 0.5"),
        ({"group_labels": GOOD["group_labels"] % 4 + 1}, "no group has label 0"),
        (changed("factors", (slice(None), 2), 0.7), "factors: factor 2 has the single value 0.7"),
        (changed("factor_ids", (slice(None), 0), 1), "factor_ids: factor 0 has the single value 1"),
        (changed("factor_ids", (4, 0), 0.25), "factor_ids must hold integers, not 0.25"),
        ({"codes": GOOD["codes"].astype(str)}, "codes has dtype <U.*: it must hold numbers"),
        ({"codes": GOOD["codes"] * 1j}, "codes has dtype complex128: it must hold numbers"),
        (
            {"codes": GOOD["codes"].astype(object)},
            r"codes is an object array \(ragged or pickled\)",
        ),
        ({"codes": np.zeros((0, 4))}, r"codes is empty: its shape is \(0, 4\)"),
        ({"continuous": [0, 1, 2, 1, 0]}, "continuous must hold True and False"),
        ({"group_labels": GOOD["group_labels"] % 4}, "go from 0 to 3, but no group has label 4"),
        ({"codes": GOOD["codes"] * 1e200}, "codes: its largest absolute value is .*; rescale it"),
        (
            {"reference_codes": GOOD["codes"] * 1e-170},
            "reference_codes: its largest absolute value is .*; rescale",
        ),
    ],
)
def test_bad_arrays(arrays, message):
    with pytest.raises(ArrayError, match=message) as caught:
        check(**GOOD | arrays)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_checks_its_arrays(metric):
    for broken in Metric.of(metric).arrays:
        with pytest.raises(ArrayError, match=broken):
            metric(
                **{n: GOOD[n] if n != broken else np.array(["a"]) for n in Metric.of(metric).arrays}
            )


@pytest.mark.parametrize(
    ("name", "arrays", "message"),
    [
        ("modularity", {"codes": np.eye(4), "factor_ids": [[0], [1], [2], [3]]}, "two factors"),
        ("beta_vae", {"group_codes": np.ones((2, 1, 3)), "group_labels": [0, 1]}, "two images"),
        ("dhsic", {"reference_codes": [[1.0, 2.0]]}, "two images"),
        ("dci_lasso_cv", {"codes": np.eye(5), "factors": np.eye(5)}, "in 3 parts needs 6 images"),
        ("dci_rf_cv", {"codes": np.eye(5), "factors": np.eye(5)}, "in 3 parts needs 6 images"),
        ("sample_quality", {"shape_probabilities": [[0.5, 0.4]]}, "every row must sum to 1"),
        ("sample_quality", {"shape_probabilities": [[1.5, -0.5]]}, "without negative"),
    ],
)
def test_requirements_of_single_metrics(name, arrays, message):
    with pytest.raises(ArrayError, match=message):
        METRICS[name](**arrays)


def test_integers_booleans_and_lists_pass():
    checked = check(codes=[[1, 2], [3, 4]], factor_ids=np.array([[0.0], [1.0]]), continuous=[True])
    assert [array.dtype for array in checked] == [np.float64, np.int64, np.int64]


# ---- a metric's parameters ----------------------------------------------------------------------


def test_a_metric_takes_the_arrays_that_its_parameters_name():
    metric = Metric.of(METRICS["factor_vae"])
    assert metric.arrays == ("group_codes", "group_labels", "reference_codes")
    assert not metric.takes_seed


def test_a_parameter_that_is_no_array_is_named():
    def mine(codes, threshold):
        return 0.0

    with pytest.raises(ArrayError, match="mine takes 'threshold', but .* codes, .*: rename") as e:
        Metric.of(mine)
    assert "\n" not in str(e.value)


def test_a_parameter_with_a_default_keeps_it():
    def mine(codes, threshold=0.5):
        return (codes > threshold).mean()

    metric = Metric.of(mine)
    assert (metric.arrays, metric.takes_seed) == (("codes",), False)
    assert metric.compute({"codes": np.array([[0.4], [0.6]])}, seed=3).scores("mine") == {
        "mine": 0.5
    }


def test_a_metric_with_a_seed_receives_that_of_the_evaluation():
    def mine(factors, codes, seed=0):
        return seed

    metric = Metric.of(mine)
    assert (metric.arrays, metric.takes_seed) == (("factors", "codes"), True)
    assert metric.compute(GOOD, seed=3).scores("mine") == {"mine": 3}


def test_a_seed_needs_a_default():
    def mine(codes, seed):
        return 0.0

    with pytest.raises(ArrayError, match="mine takes 'seed'"):
        Metric.of(mine)
