"""The metrics of FactorVAE on dSprites: edit this file to choose them.

For example, to follow MIG during training, too:

    METRICS = replace(METRICS, training={**METRICS.training, "mig": mig})

Add your own metric under its name in the same way; docs/METRICS.md lists the arrays it can take.
"""

from pathlib import Path

from disentanglement.evaluation import metric_lists

METRICS = metric_lists.dsprites(Path(__file__).resolve().parents[1])
