"""The metrics of InfoGAN-CR on 3D teapots: edit this file to choose them.

For example, to follow MIG during training, too:

    METRICS = replace(METRICS, training={**METRICS.training, "mig": mig})

Add your own metric under its name in the same way; docs/METRICS.md lists the arrays it can take.
"""

from disentanglement.evaluation import metric_lists

METRICS = metric_lists.teapots()
