"""The metrics of InfoGAN-CR on CdSprites: edit this file to choose them.

For example, to follow MIG during training, too:

    from dataclasses import replace
    from disentanglement.metrics.mig import mig

    training = METRIC_LISTS.training | {"mig": mig}
    METRIC_LISTS = replace(METRIC_LISTS, training=training)

Add your own metric under its name in the same way; docs/METRICS.md lists the arrays it can take.
"""

from disentanglement.evaluation import metric_lists

METRIC_LISTS = metric_lists.cdsprites()
