"""Measure the time and peak memory of every metric on the full dSprites protocol.

    python benchmarks/metrics.py            (about ten minutes on two cores)

The protocol has 50,000 + 73,728 + 73,728 images. Codes are noisy mixtures of the factors; the part
`whole` encodes images with the network, and `ratios` compares each metric with a plain loop. Each
metric runs in a fresh process to get its own peak memory; the row `nothing` shows how much of that
is Python, scikit-learn and the arrays. `--one NAME` runs one part in this process.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, LassoCV, LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from disentanglement.data.dsprites.render import FACTOR_SIZES, FACTOR_VALUES
from disentanglement.evaluation.paper import GROUP_SIZE, GROUPS
from disentanglement.metrics.metric import Metric
from disentanglement.metrics.suite import METRICS

EXPERIMENT = Path(__file__).resolve().parents[1] / "InfoGAN-CR_dSprites"
IMAGES = 73728
SIZES = np.array(FACTOR_SIZES[1:])


def arrays():
    """Return the arrays that metrics take, by name."""
    rng = np.random.default_rng(0)
    mix = 0.3 * rng.normal(size=(5, 5)) + np.eye(5)

    def codes(ids):
        return ((ids / SIZES) @ mix + 0.1 * rng.normal(size=ids.shape)).astype(np.float32)

    ids = rng.integers(0, SIZES, (IMAGES, 5))
    groups = rng.integers(0, SIZES, (GROUPS, GROUP_SIZE, 5))
    labels = np.arange(GROUPS) % 5
    for group, label in zip(groups, labels, strict=True):
        group[:, label] = group[0, label]
    return {
        "group_codes": codes(groups),
        "group_labels": labels,
        "reference_codes": codes(rng.integers(0, SIZES, (IMAGES, 5))),
        "codes": codes(ids),
        "factors": np.stack([v[c] for v, c in zip(FACTOR_VALUES[1:], ids.T, strict=True)], axis=1),
        "factor_ids": ids,
        "continuous": np.array([False, True, True, True, True]),
        "shape_probabilities": rng.dirichlet([0.1, 0.1, 0.1], 50000),
    }


# ---- plain loops: the definitions written out, one entry at a time ----


def plain_factor_vae(group_codes, group_labels, reference_codes):
    scale = np.std(reference_codes, axis=0)
    votes = np.zeros((group_codes.shape[2], 5))
    for group, label in zip(group_codes, group_labels, strict=True):
        deviations = [np.std(code / s) for code, s in zip(group.T, scale, strict=True)]
        votes[np.argmin(deviations), label] += 1
    return votes.max(axis=1).sum() / len(group_labels)


def plain_beta_vae(group_codes, group_labels):
    features = [
        np.mean([np.abs(group[i] - group[i + 1]) for i in range(0, len(group), 2)], axis=0)
        for group in group_codes
    ]
    model = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
    return model.fit(features, group_labels).score(features, group_labels)


def plain_sap(codes, factors, factor_ids, continuous):
    table = np.zeros((codes.shape[1], factors.shape[1]))
    for j in range(codes.shape[1]):
        for i in range(factors.shape[1]):
            if continuous[i]:
                covariance = np.cov(codes[:, j], factors[:, i], ddof=1)
                table[j, i] = covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1])
            else:
                model = LinearSVC(C=0.01, class_weight="balanced", dual=True)
                model.fit(codes[:, [j]], factor_ids[:, i])
                table[j, i] = model.score(codes[:, [j]], factor_ids[:, i])
    ordered = np.sort(table, axis=0)
    return np.mean(ordered[-1] - ordered[-2])


def plain_information(codes, factor_ids):
    table = np.zeros((codes.shape[1], factor_ids.shape[1]))
    for j in range(codes.shape[1]):
        for i in range(factor_ids.shape[1]):
            bins = np.digitize(codes[:, j], np.histogram(codes[:, j], 20)[1][:-1])
            table[j, i] = mutual_info_score(bins, factor_ids[:, i])
    return table


def plain_mig(codes, factor_ids):
    ordered = np.sort(plain_information(codes, factor_ids), axis=0)
    entropies = [mutual_info_score(column, column) for column in factor_ids.T]
    return np.mean((ordered[-1] - ordered[-2]) / entropies)


def plain_modularity(codes, factor_ids):
    squares = plain_information(codes, factor_ids) ** 2
    return np.mean([1 - (row.sum() - row.max()) / (row.max() * (len(row) - 1)) for row in squares])


def plain_explicitness(codes, factor_ids):
    areas = []
    for column in factor_ids.T:
        model = OneVsRestClassifier(LogisticRegression(solver="liblinear")).fit(codes, column)
        probabilities = model.predict_proba(codes)
        areas.append(
            np.mean([roc_auc_score(column == k, p) for k, p in enumerate(probabilities.T)])
        )
    return np.mean(areas)


def plain_dci(codes, factors, regressor):
    codes = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    table = np.zeros((codes.shape[1], factors.shape[1]))
    for i, factor in enumerate(factors.T):
        model = regressor(i).fit(codes, (factor - factor.mean()) / factor.std())
        table[:, i] = np.abs(model.coef_) if hasattr(model, "coef_") else model.feature_importances_
    score = 0
    for row in table:
        shares = row / row.sum()
        score += (
            row.sum() / table.sum() * (1 + sum(shares * np.log(shares + 1e-12)) / np.log(len(row)))
        )
    return score


def plain_dci_lasso(codes, factors):
    return plain_dci(codes, factors, lambda i: Lasso(alpha=0.02))


def plain_dci_lasso_cv(codes, factors):
    return plain_dci(codes, factors, lambda i: LassoCV(cv=3))


def plain_dci_rf(codes, factors):
    depths = (4, 5, 2, 5, 5)
    return plain_dci(
        codes, factors, lambda i: RandomForestRegressor(10, max_depth=depths[i], random_state=i)
    )


def plain_dci_rf_ibgan(codes, factors):
    depths = (4, 2, 4, 2, 2)
    return plain_dci(
        codes, factors, lambda i: RandomForestRegressor(10, max_depth=depths[i], random_state=i)
    )


def plain_dhsic(reference_codes):
    rows = np.random.default_rng(0).choice(len(reference_codes), 5000, replace=False)
    kernels = []
    for code in reference_codes[rows].astype(float).T:
        distance = np.abs(code[:, None] - code)
        kernels.append(np.exp(-distance / np.median(distance) ** 2))
    return (
        np.prod(kernels, axis=0).mean()
        + np.prod([kernel.mean() for kernel in kernels])
        - 2 * np.prod([kernel.mean(axis=1) for kernel in kernels], axis=0).mean()
    )


def plain_sample_quality(shape_probabilities):
    q = shape_probabilities.mean(axis=0)
    divergences = [
        sum(a * np.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)
        for p in shape_probabilities
    ]
    return np.exp(np.mean(divergences))


PLAIN = {name: globals()[f"plain_{name}"] for name in METRICS if f"plain_{name}" in globals()}


# ---- measuring ----


def timed(metric, data):
    """Return the metric's result and how many seconds it took."""
    start = time.perf_counter()
    result = metric(**{name: data[name] for name in Metric.of(metric).arrays})
    return result, time.perf_counter() - start


def measure(name):
    """Print the time, peak memory and score of a metric, a "plain" loop or "nothing"."""
    data = arrays()
    if name == "nothing":
        print(f"{name:20} {0:8.2f} s  {peak()}")
        return
    is_plain, metric = name.startswith("plain "), name.removeprefix("plain ")
    result, seconds = timed(PLAIN[metric] if is_plain else METRICS[metric], data)
    score = result if is_plain else next(iter(result.scores(metric).values()))
    print(f"{name:20} {seconds:8.2f} s  {peak()}  score {score:.6f}")


def ratios():
    """Print the minimum times of each metric and its plain loop, in turns in one process."""
    data = arrays()
    for name, loop in PLAIN.items():
        times = np.array([[timed(m, data)[1] for m in (METRICS[name], loop)] for _ in range(3)])
        ours, plain = times.min(axis=0)
        print(
            f"{name:20} {ours:8.3f} s  plain loop {plain:8.3f} s  {plain / ours:6.1f} x", flush=True
        )


def whole():
    """Print the time of `evaluate` with a network, for all columns of Table 1."""
    from disentanglement.evaluation.evaluate import evaluate
    from disentanglement.evaluation.table import COLUMNS
    from disentanglement.experiments.load import load

    experiment = load("InfoGAN-CR_dSprites")
    config = experiment.grid().tasks[0].config
    model = experiment.build(config)
    dataset = experiment.load(config, print)
    names = {column.split(".")[0] for column in COLUMNS.values()}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        record = evaluate(
            model.encode,
            dataset,
            {name: METRICS[name] for name in METRICS if name in names},
            path=Path(folder) / "scores.json",
        )
        seconds = time.perf_counter() - start
    encoding = record["sessions"][0]["encoding_seconds"]
    print(
        f"columns of Table 1: {seconds:.1f} s, including {encoding:.1f} s of encoding; {peak()}, "
        "including 0.38 GB for the images of dSprites"
    )


def peak():
    return f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f} GB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", metavar="NAME", help="only this part, in this process")
    name = parser.parse_args().one
    if name in ("ratios", "whole"):
        {"ratios": ratios, "whole": whole}[name]()
    elif name:
        measure(name)
    else:
        for part in ("nothing", *METRICS, "plain dhsic", "ratios", "whole"):
            subprocess.run([sys.executable, __file__, "--one", part], check=True)
