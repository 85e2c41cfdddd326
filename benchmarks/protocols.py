"""Measure the metrics of the protocols dlib and infomec at their full size.

    python benchmarks/protocols.py          (about fifteen minutes on two cores)

Ten codes are noisy mixtures of dSprites' factors. Each metric runs in a fresh process to get its
own peak memory; the row `nothing` shows how much of that is Python, scikit-learn and the arrays of
its protocol. The part `dci` compares boosted trees with scikit-learn's plain loop, factor by factor
in turns, and the part `neighbours` the k-NN mutual information. `--one NAME` runs one part in this
process.
"""

import argparse
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import mutual_info_classif

from disentanglement.data.dsprites.render import FACTOR_SIZES
from disentanglement.evaluation.draws import FactorTable
from disentanglement.evaluation.encoding import codes_of
from disentanglement.evaluation.named_protocols import PROTOCOLS
from disentanglement.metrics.boosted_trees import SortedCodes, boost
from disentanglement.metrics.metric import Metric

SIZES = np.array(FACTOR_SIZES[1:])
CODES = 10
METRICS = {
    name: (protocol, metric)
    for protocol in PROTOCOLS.values()
    if protocol.draw
    for name, metric in protocol.metrics.items()
}


def arrays(protocol):
    """Return the arrays of a protocol, drawn from all of dSprites' factors, and of ten codes."""
    rng = np.random.default_rng(0)
    mix = 0.3 * rng.normal(size=(5, CODES)) + np.eye(5, CODES)
    grid = np.stack(np.unravel_index(np.arange(int(np.prod(SIZES))), SIZES), axis=1)
    codes = (grid / SIZES) @ mix + 0.1 * rng.normal(size=(len(grid), CODES))
    table = FactorTable(grid, is_grid=True)
    return codes_of(codes.astype(np.float32), protocol.draw(table, rng))


def measure(name):
    """Print the time, peak memory and score of a metric, or of "nothing of PROTOCOL"."""
    protocol, metric = METRICS.get(name) or (PROTOCOLS[name.split()[-1]], None)
    data = arrays(protocol)
    if name.endswith("discrete"):
        data["codes"] = np.round(4 * data["codes"])
    before = peak()
    if metric is None:
        print(f"{name:22} {0:8.2f} s  peak memory {before:.2f} GB", flush=True)
        return
    start = time.perf_counter()
    result = metric(**{array: data[array] for array in Metric.of(metric).arrays})
    seconds = time.perf_counter() - start
    scores = ", ".join(f"{value:.4f}" for value in result.scores(name).values())
    print(f"{name:22} {seconds:8.2f} s  peak memory {peak():.2f} GB  scores {scores}", flush=True)


def dci():
    """Print the times of boosted trees and of scikit-learn's, and how much they differ."""
    data = arrays(PROTOCOLS["dlib"])
    x, x_test = data["train_codes"], data["test_codes"]
    totals = np.zeros(2)
    for i, labels in enumerate(data["train_ids"].T):
        start = time.perf_counter()
        ours = boost(SortedCodes(x), labels, x_test, seed=i)
        middle = time.perf_counter()
        model = GradientBoostingClassifier(random_state=i).fit(x, labels)
        predicted = model.predict(x_test)
        seconds = middle - start, time.perf_counter() - middle
        totals += seconds
        test = data["test_ids"][:, i]
        accuracies = [(p == test).mean() for p in (ours.predicted_test, predicted)]
        print(
            f"{SIZES[i]:3} classes {seconds[0]:7.1f} s  plain loop {seconds[1]:7.1f} s  "
            f"{seconds[1] / seconds[0]:5.1f} x  importances differ by "
            f"{np.abs(ours.importance - model.feature_importances_).max():.4f}, accuracies "
            f"{accuracies[0]:.4f} and {accuracies[1]:.4f}",
            flush=True,
        )
    print(f"all {totals[0]:7.1f} s  plain loop {totals[1]:7.1f} s  {totals[1] / totals[0]:5.1f} x")


def neighbours():
    """Print the time of the k-NN mutual information of 10,000 x 10 x 5, one by one and ours."""
    from disentanglement.metrics import infomec

    data = arrays(PROTOCOLS["infomec"])
    x, ids = data["codes"].astype(float), data["factor_ids"]
    start = time.perf_counter()
    for labels in ids.T:
        for code in x.T:
            mutual_info_classif(code[:, None], labels, n_neighbors=10, random_state=0)
    middle = time.perf_counter()
    infomec.neighbour_information(x, ids, 10, 0)
    ours, plain = time.perf_counter() - middle, middle - start
    print(f"k-NN information {ours:.2f} s  plain loop {plain:.2f} s  {plain / ours:.1f} x")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", metavar="NAME", help="only this part, in this process")
    name = parser.parse_args().one
    if name in ("dci", "neighbours"):
        {"dci": dci, "neighbours": neighbours}[name]()
    elif name:
        measure(name)
    else:
        nothing = [f"nothing of {name}" for name, p in PROTOCOLS.items() if p.draw]
        for part in (*nothing, *METRICS, "neighbours", "dci"):
            subprocess.run([sys.executable, __file__, "--one", part], check=True)
