"""VAE, beta-VAE, AnnealedVAE, beta-TCVAE, DIP-VAE-I and DIP-VAE-II: six losses, one iteration.

They differ in nothing but the function of the loss, which config.objective names. Each of these
functions takes a `Bound` and returns the loss, which is minimised, and its own terms to report.
The losses are negatives of what the papers maximise.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from keras import ops

from disentanglement import engine
from disentanglement.algorithms.autoencoder import Autoencoder, Posterior
from disentanglement.streams import stream
from disentanglement.vae_config import OBJECTIVES, VAEConfig

Loss = tuple[Any, dict[str, Any]]


class Bound(NamedTuple):
    """The two terms of the evidence lower bound of a batch, and the q(z|x) that they are of.

    Attributes:
        reconstruction: -log p(x|z), summed over pixels and averaged over the batch.
        kl: KL(q(z|x) || p(z)), summed over latents and averaged over the batch.
        posterior: The distributions q(z|x) and the codes z drawn from them.
    """

    reconstruction: Any
    kl: Any
    posterior: Posterior


# ---- the objectives ------------------------------------------------------------------------------


def vae(bound: Bound) -> Loss:
    """Return the negative evidence lower bound.

    Kingma & Welling 2014, "Auto-encoding variational Bayes", arXiv 1312.6114, equation 3.
    """
    return bound.reconstruction + bound.kl, {}


def beta_vae(bound: Bound, beta: float) -> Loss:
    """Weight the KL divergence with beta.

    Higgins et al. 2017, "beta-VAE: Learning basic visual concepts with a constrained variational
    framework", ICLR, equation 4.
    """
    return bound.reconstruction + beta * bound.kl, {}


def annealed_vae(bound: Bound, gamma: float, capacity: Any) -> Loss:
    """Hold the KL divergence at a capacity, in nats, that rises during training.

    Burgess et al. 2018, "Understanding disentangling in beta-VAE", arXiv 1804.03599, equation 8.
    """
    excess = ops.abs(bound.kl - capacity)
    return bound.reconstruction + gamma * excess, {"vae/excess": excess, "vae/capacity": capacity}


def beta_tcvae(bound: Bound, beta: float) -> Loss:
    """Weight the total correlation, one of three parts of the KL divergence, with beta.

    Chen et al. 2018, "Isolating sources of disentanglement in VAEs", arXiv 1802.04942, equation 4
    with alpha = gamma = 1.
    """
    tc = total_correlation(bound.posterior)
    return bound.reconstruction + bound.kl + (beta - 1) * tc, {"vae/tc": tc}


def dip_vae_i(bound: Bound, lambda_od: float, lambda_d: float) -> Loss:
    """Draw the covariance of the means towards the identity.

    Kumar et al. 2018, "Variational inference of disentangled latent concepts from unlabeled
    observations", arXiv 1711.00848, equation 6.
    """
    return _dip_vae(bound, covariance(bound.posterior.mean), lambda_od, lambda_d)


def dip_vae_ii(bound: Bound, lambda_od: float, lambda_d: float) -> Loss:
    """Draw the covariance of the codes towards the identity: equation 7 of DIP-VAE-I's paper."""
    within = ops.diag(ops.mean(ops.exp(bound.posterior.log_variance), axis=0))
    return _dip_vae(bound, covariance(bound.posterior.mean) + within, lambda_od, lambda_d)


def _dip_vae(bound, matrix, lambda_od, lambda_d):
    """Return the loss for a covariance matrix [K, K] of the codes."""
    diagonal = ops.eye(matrix.shape[0])
    terms = {
        "vae/off_diagonal": ops.sum(ops.square(matrix * (1 - diagonal))),
        "vae/diagonal": ops.sum(ops.square((matrix - 1) * diagonal)),
    }
    penalty = lambda_od * terms["vae/off_diagonal"] + lambda_d * terms["vae/diagonal"]
    return bound.reconstruction + bound.kl + penalty, terms


# ---- what they estimate within a batch -----------------------------------------------------------


def total_correlation(posterior: Posterior) -> Any:
    """Return KL(q(z) || prod_j q(z_j)), estimated at a batch's codes; a scalar, in nats.

    q(z) is the mixture of the batch's own q(z|x): the paper's minibatch-weighted sampling (equation
    3), not the stratified one, up to a constant, since the paper divides the mixture's sums by the
    number of all images, too.
    """
    mean, log_variance, codes = posterior.mean, posterior.log_variance, posterior.codes
    n = mean.shape[0]
    # log q(z_j|x_m) of every code of the batch, [N, M, K]: rows are codes, columns are images.
    distance = ops.square(ops.expand_dims(codes, 1) - mean) * ops.exp(-log_variance)
    log_q = -(distance + log_variance + math.log(2 * math.pi)) / 2
    joint = ops.logsumexp(ops.sum(log_q, axis=2), axis=1) - math.log(n)
    marginal = ops.logsumexp(log_q, axis=1) - math.log(n)
    return ops.mean(joint - ops.sum(marginal, axis=1))


def covariance(mean: Any) -> Any:
    """Return the covariance matrix [K, K] of the rows of [N, K], divided by N."""
    n = mean.shape[0]
    # Centred by a matrix product: `mean` is used once (see `Autoencoder.posterior`).
    centered = ops.matmul(ops.eye(n) - 1 / n, mean)
    return ops.matmul(ops.transpose(centered), centered) / n


# ---- the model -----------------------------------------------------------------------------------


class VAE(Autoencoder):
    """A VAE with one of the objectives above, and how a batch updates it."""

    config: VAEConfig
    progress: ClassVar = {
        "reconstruction": "vae/reconstruction",
        "KL": "vae/kl",
        "loss": "vae/total",
    }

    def iteration(self, images, noise, capacity=None) -> dict:
        """Update the encoder and the decoder.

        Args:
            images: [N, H, W, C].
            noise: Standard normal, [N, K].
            capacity: AnnealedVAE's, a scalar.

        Returns:
            Each part of the loss, computed before the update.
        """

        def loss():
            posterior = self.posterior(images, noise)
            reconstruction = self.reconstruction(images, posterior.codes)
            bound = Bound(reconstruction, ops.sum(posterior.kl), posterior)
            total, terms = self._objective(bound, capacity)
            parts = {"vae/reconstruction": reconstruction, "vae/kl": bound.kl, "vae/total": total}
            return total, parts | terms | {"kl": posterior.kl}

        return engine.minimize(loss, self.optimizers["vae"], self.learned_by("vae"))

    def _objective(self, bound, capacity):
        config, weight = self.config, self.config.weight
        if weight is None:  # all others need one
            return vae(bound)
        match config.objective:
            case "beta_vae":
                return beta_vae(bound, weight)
            case "annealed_vae":
                return annealed_vae(bound, config.gamma_or_default, capacity)
            case "beta_tcvae":
                return beta_tcvae(bound, weight)
            case "dip_vae_i":
                return dip_vae_i(bound, weight, config.lambda_d_or_default)
            case "dip_vae_ii":
                return dip_vae_ii(bound, weight, config.lambda_d_or_default)
        raise ValueError(f"no such objective: {config.objective}")

    # ---- the interface of Model ----------------------------------------------------------------

    def draw(self, global_id: int, batch_size: int) -> list[np.ndarray]:
        """Return the noise of the codes and, for AnnealedVAE, the capacity at this batch."""
        noise = self.latent.sample(stream(self.config.run, "noise", global_id), batch_size)
        if self.config.objective != "annealed_vae":
            return [noise]
        return [noise, np.array(self.config.capacity_at(global_id), np.float32)]

    def step(self, images: Any, drawn: Sequence, phase: None) -> dict:
        return self.iteration(images, *drawn)

    @property
    def title(self) -> str:
        return OBJECTIVES[self.config.objective].named(vars(self.config))
