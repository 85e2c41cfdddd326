"""Which metrics run: edit these lists.

A metric is a function of the arrays named in `disentanglement.metrics`; docs/METRICS.md explains
each. During training every score is a column of metric.csv; at the end it is in final_metrics.json.
A metric of your own goes in by its name, FINAL = {..., "my_metric": my_metric}, and returns a
number or a `disentanglement.metrics.result.Result`.
"""

from disentanglement.judge import Judge
from disentanglement.metrics.suite import METRICS

from . import load_data

# The three that the paper follows during training.
TRAINING = {name: METRICS[name] for name in ("factor_vae", "dhsic", "sample_quality")}

# All: Table 1's seven columns and the others.
FINAL = dict(METRICS)

_judge = Judge(load_data.CLASSIFIER)
available, extra_arrays = _judge.available, _judge.extra_arrays
