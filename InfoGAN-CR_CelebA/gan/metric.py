"""Which metrics run: edit these lists.

A metric is a function of the arrays named in `disentanglement.metrics`; docs/METRICS.md explains
each. During training every score is a column of metric.csv; at the end it is in final_metrics.json.
CelebA has no factors, so only metrics without them can run. A metric of your own goes in by its
name, FINAL = {..., "my_metric": my_metric}, and returns a number or a
`disentanglement.metrics.result.Result`.
"""

from disentanglement.judge import random_features
from disentanglement.metrics.suite import IMAGE_METRICS, METRICS
from disentanglement.work import available  # noqa: F401

# None, as in the paper.
TRAINING = {}

FINAL = IMAGE_METRICS | {"dhsic": METRICS["dhsic"]}

extra_arrays = random_features
