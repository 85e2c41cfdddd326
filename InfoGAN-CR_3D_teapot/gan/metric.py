"""The metrics of InfoGAN-CR on 3D teapots: edit this file to choose which run, and when.

For example, to follow MIG during training, too:

    METRICS = replace(METRICS, training={**METRICS.training, "mig": mig})

A metric of your own goes in by its name in the same way; docs/METRICS.md says what it may take.
"""

from disentanglement.evaluation import metric_lists

METRICS = metric_lists.teapots()
