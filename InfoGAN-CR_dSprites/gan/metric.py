"""Which metrics run: edit these.

A metric is a function of the arrays named in `disentanglement.metrics`; its name here is its
column in metric.csv.
"""

from disentanglement.metrics.factor_vae import factor_vae

TRAINING = {"factor_vae": factor_vae}
