"""Which metrics run: edit these lists.

A metric is a function of the arrays named in `disentanglement.metrics`; docs/METRICS.md explains
each. During training every score is a column of metric.csv; at the end it is in final_metrics.json.
A metric of your own goes in by its name, FINAL = {..., "my_metric": my_metric}, and returns a
number or a `disentanglement.metrics.result.Result`.
"""

from disentanglement.metrics.suite import METRICS
from disentanglement.work import available, extra_arrays  # noqa: F401  (all that codes suffice for)

# The one that the paper follows during training.
TRAINING = {"factor_vae": METRICS["factor_vae"]}

# All: Table 1's seven columns and the others; sample quality is a matter of dSprites' shapes.
FINAL = {name: metric for name, metric in METRICS.items() if name != "sample_quality"}
