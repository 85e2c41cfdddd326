"""Quality of generated dSprites, after the inception score (Salimans et al. 2016, 1606.03498)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import entr, rel_entr

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class SampleQualityResult(Result):
    """inception_score: in [1, C], C classes. inception_score_log_std: see `sample_quality`.

    confidence: in [1 / C, 1]. mode_kl: in nats, 0 is best. mode_counts: [C].
    """

    SCORES: ClassVar[tuple[str, ...]] = (
        "inception_score",
        "inception_score_log_std",
        "confidence",
        "mode_kl",
    )

    inception_score: float
    inception_score_log_std: float
    confidence: float
    mode_kl: float
    mode_counts: np.ndarray


def sample_quality(shape_probabilities: np.ndarray) -> SampleQualityResult:
    """Does each generated image show one shape clearly, and all shapes equally often?

    shape_probabilities [S, C]: p(shape | image) of the classifier, rows summing to 1. With q the
    mean row: inception_score = exp(mean KL(p || q)); its log_std is the standard deviation of
    these KL over the images; confidence is the mean of the largest p; mode_counts how often each
    shape is the likeliest; mode_kl the KL from these shares to uniform ones.

    Raises ArrayError if the array does not fit.
    """
    (p,) = check(shape_probabilities=shape_probabilities)
    if p.min() < 0 or np.abs(p.sum(axis=1) - 1).max() > 1e-3:
        raise ArrayError("shape_probabilities: every row must sum to 1, without negative entries")
    divergence = rel_entr(p, p.mean(axis=0)).sum(axis=1)
    counts = np.bincount(p.argmax(axis=1), minlength=p.shape[1])
    return SampleQualityResult(
        inception_score=float(np.exp(divergence.mean())),
        inception_score_log_std=float(divergence.std()),
        confidence=float(p.max(axis=1).mean()),
        mode_kl=float(np.log(p.shape[1]) - entr(counts / len(p)).sum()),
        mode_counts=counts,
    )
