"""The metrics of InfoGAN-CR on CelebA: edit this file to choose which run, and when.

CelebA has no factors, so only metrics without them can run. To follow one during training, too:

    METRICS = replace(METRICS, training={"dhsic": METRICS.final["dhsic"]})

A metric of your own goes in by its name in the same way; docs/METRICS.md says what it may take.
"""

from disentanglement.evaluation import metric_lists

METRICS = metric_lists.unlabelled()
