"""The metrics of InfoGAN-CR on CelebA: edit this file to choose them.

CelebA has no factors, so only metrics without them can run. To follow one during training, too:

    from dataclasses import replace

    training = {"dhsic": METRIC_LISTS.final["dhsic"]}
    METRIC_LISTS = replace(METRIC_LISTS, training=training)

Add your own metric under its name in the same way; docs/METRICS.md lists the arrays it can take.
"""

from disentanglement.evaluation import metric_lists

METRIC_LISTS = metric_lists.unlabelled()
