"""Which metrics run: edit these lists.

A metric is a function of the arrays named in `disentanglement.metrics`; docs/METRICS.md explains
each. During training every score is a column of metric.csv; at the end it is in final_metrics.json.
A metric of your own goes in by its name, FINAL = {..., "my_metric": my_metric}, and returns a
number or a `disentanglement.metrics.result.Result`.
"""

from disentanglement.files import fingerprint
from disentanglement.metrics.evaluation import Extra
from disentanglement.metrics.sample_quality import sample_quality
from disentanglement.metrics.suite import METRICS
from disentanglement.streams import stream

from . import load_data

# The three that the paper follows during training.
TRAINING = {name: METRICS[name] for name in ("factor_vae", "dhsic", "sample_quality")}

# All: Table 1's seven columns and the others.
FINAL = dict(METRICS)

SAMPLES = 50_000  # generated images that the shape classifier judges


def available(metrics: dict, say=print) -> dict:
    """Those of `metrics` that can run: sample quality needs the shape classifier."""
    if load_data.CLASSIFIER.exists() or sample_quality not in metrics.values():
        return metrics
    say(
        f"note: sample_quality is left out: there is no {load_data.CLASSIFIER} "
        "(gan/train_DSpritesInceptionScore.py makes it)"
    )
    return {name: metric for name, metric in metrics.items() if metric is not sample_quality}


def extra_arrays(model, config) -> dict:
    """The arrays that metrics take beside codes: the classifier's view of generated images."""
    if not load_data.CLASSIFIER.exists():
        return {}
    from disentanglement import shape_classifier

    def judge():
        z = model.latent.sample(stream(config.run, "sample quality"), SAMPLES)
        return shape_classifier.judge(load_data.CLASSIFIER, model.generate, z)

    about = {"classifier": fingerprint(load_data.CLASSIFIER), "samples": SAMPLES}
    return {"shape_probabilities": Extra(judge, about)}
