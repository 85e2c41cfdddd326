"""Quality of generated dSprites images, modelled on the inception score.

Salimans et al. 2016, arXiv 1606.03498, section 4.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import entr, rel_entr

from disentanglement.metrics.arrays import ArrayError, check
from disentanglement.metrics.result import Result


@dataclass(frozen=True)
class SampleQualityResult(Result):
    """The result of `sample_quality`, for C shapes.

    Attributes:
        inception_score: exp(mean KL), in [1, C].
        inception_score_log_std: Standard deviation of the KL over images, in nats.
        confidence: Mean probability of the likeliest shape, in [1 / C, 1].
        mode_kl: KL divergence of the likeliest shapes from uniform, in nats; 0 is best.
        mode_counts: [C], the number of images by their likeliest shape.
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
    """Score whether generated images show clear shapes, and all shapes equally often.

    The KL of an image is KL(p || q), with p its shape probabilities and q their mean over images.

    Args:
        shape_probabilities: [S, C], the classifier's p(shape | image); each row sums to 1.

    Raises:
        ArrayError: The array cannot be used.
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
