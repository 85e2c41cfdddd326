"""The metrics of InfoGAN-CR on CelebA: edit this file to choose them.

CelebA has no factors, so only metrics without them can run. To follow one during training, too:

    METRICS = replace(METRICS, training={"dhsic": METRICS.final["dhsic"]})

Add your own metric under its name in the same way; docs/METRICS.md lists the arrays it can take.
"""

from disentanglement.evaluation import metric_lists

METRICS = metric_lists.unlabelled()
