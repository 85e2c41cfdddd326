"""Run metrics on arrays: with their progress, with warnings counted, and recorded one by one."""

import contextlib
import time
import warnings
from collections.abc import Iterator, Mapping

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from disentanglement.console import progress_bar, sign_of_life
from disentanglement.errors import UserError
from disentanglement.evaluation.scorecard import Scorecard
from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.metric import Metric, MetricFunction, Progress, no_progress
from disentanglement.metrics.result import Result


def score_into(
    card: Scorecard,
    metrics: Mapping[str, MetricFunction],
    arrays: Mapping[str, np.ndarray],
    seed: int,
    sources: Mapping[str, dict] | None = None,
) -> None:
    """Run the metrics; record each result in `card`, or the reason it could not run.

    Args:
        card: The record.
        metrics: Name -> metric.
        arrays: By name; a metric that takes another array is skipped.
        seed: Seeds the metrics' learners.
        sources: Where computed arrays come from, by name, for the record.

    Raises:
        UserError: An array is not what its name says, see `disentanglement.metrics`.
    """
    sources = sources or {}
    try:
        check(**arrays)
    except ArrayError as error:
        raise UserError(str(error)) from error
    with logging_redirect_tqdm():  # results go above the bar
        # In a file, the lines of the results show the progress.
        bar = tqdm(metrics.items(), unit=" metrics", disable=None, leave=False)
        for name, function in bar:
            bar.set_description(name)
            metric = metric_of(function)
            if missing := [array for array in metric.arrays if array not in arrays]:
                card.skip(name, f"no array {' nor '.join(missing)}")
                continue
            start = time.perf_counter()
            try:
                with _watched(name, metric) as progress:
                    result, unconverged = _compute(metric, arrays, seed, progress)
            except ArrayError as error:
                card.skip(name, str(error))
            else:
                inputs = {array: sources[array] for array in metric.arrays if array in sources}
                card.add(name, result, time.perf_counter() - start, inputs, unconverged)


def score(
    metrics: Mapping[str, MetricFunction], arrays: Mapping[str, np.ndarray], seed: int = 0
) -> dict[str, Result]:
    """Return each metric's result, by name. Raises UserError if it cannot use its arrays."""
    results = {}
    for name, function in metrics.items():
        try:
            results[name], _ = _compute(metric_of(function), arrays, seed)
        except ArrayError as error:
            raise UserError(f"metric {name}: {error}") from error
    return results


def metric_of(function: MetricFunction) -> Metric:
    """Return the metric with its parameters. Raises UserError if they are not arrays."""
    try:
        return Metric.of(function)
    except ArrayError as error:
        raise UserError(str(error)) from error


@contextlib.contextmanager
def _watched(name: str, metric: Metric) -> Iterator[Progress]:
    """Show that a metric runs, with the time left if it reports its progress."""
    if not metric.takes_progress:
        with sign_of_life(name):  # dci_rf_cv takes minutes
            yield no_progress
        return
    with progress_bar(None, "steps", name, passing=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done)

        yield progress


def _compute(
    metric: Metric,
    arrays: Mapping[str, np.ndarray],
    seed: int,
    progress: Progress = no_progress,
) -> tuple[Result, int]:
    """Return the metric's result, and how many fits of its learners did not converge."""
    with warnings.catch_warnings(record=True) as caught:  # there can be hundreds
        warnings.simplefilter("always", ConvergenceWarning)
        result = metric.compute(arrays, seed, progress)
    return result, sum(issubclass(w.category, ConvergenceWarning) for w in caught)
