"""FactorVAE: losses and one training iteration (Kim & Mnih 2018, arXiv 1802.05983, algorithm 2).

A VAE whose loss also penalises the total correlation of the codes, with weight tc_coe. A
discriminator estimates it: it learns to distinguish the encoder's codes from codes in which each
latent has been permuted across the batch independently. Read `iteration` first.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from keras import ops

from disentanglement import engine
from disentanglement.algorithms.autoencoder import Autoencoder
from disentanglement.algorithms.model import adam
from disentanglement.config import FactorVAEConfig
from disentanglement.networks.vae import FactorVAENetworks
from disentanglement.streams import stream

EPS = 1e-8


class FactorVAE(Autoencoder):
    """FactorVAE's networks and optimisers, and how a batch updates them."""

    config: FactorVAEConfig
    progress: ClassVar = {
        "reconstruction": "vae/reconstruction",
        "KL": "vae/kl",
        "TC": "vae/tc",
        "discriminator": "tc_discriminator/loss",
    }

    def __init__(self, config: FactorVAEConfig, networks: FactorVAENetworks):
        super().__init__(
            config,
            networks.encoder,
            networks.decoder,
            {"tc_discriminator": networks.tc_discriminator},
            {"tc_discriminator": adam(config.tcd_lr, 0.5, 0.9)},
        )
        self.tc_discriminator = networks.tc_discriminator

    # ---- one iteration -------------------------------------------------------------------------

    def iteration(self, images, noise, tc_noise, permutation) -> dict:
        """Update the encoder and decoder, then the discriminator, each with its own noise.

        Args:
            images: [N, H, W, C].
            noise, tc_noise: Standard normal, [N, K].
            permutation: The row that each latent of a permuted code comes from, [N, K] int.

        Returns:
            Each part of the losses, computed before its update.
        """
        return self._update_vae(images, noise) | self._update_tc_discriminator(
            images, tc_noise, permutation
        )

    def _update_vae(self, images, noise):
        def loss():
            posterior = self.posterior(images, noise)
            logits = self.tc_discriminator(posterior.codes, training=True)
            parts = {
                "vae/reconstruction": self.reconstruction(images, posterior.codes),
                "vae/kl": ops.sum(posterior.kl),
                "vae/tc": ops.mean(logits[:, 0] - logits[:, 1]),
            }
            total = parts["vae/reconstruction"] + parts["vae/kl"]
            total = total + self.config.tc_coe * parts["vae/tc"]
            return total, parts | {"vae/total": total, "kl": posterior.kl}

        return engine.minimize(loss, self.optimizers["vae"], self.learned_by("vae"))

    def _update_tc_discriminator(self, images, noise, permutation):
        codes = self.posterior(images, noise).codes
        # A flat gather: TensorFlow's take_along_axis casts to int64, which is slow on a CPU.
        indices = permutation * codes.shape[1] + ops.arange(codes.shape[1], dtype="int32")
        permuted = ops.take(ops.reshape(codes, (-1,)), indices)

        def loss():
            logits = self.tc_discriminator(ops.concatenate([codes, permuted]), training=True)
            joint, other = ops.split(ops.softmax(logits), 2)
            parts = {
                "tc_discriminator/joint": -_mean_log(joint[:, 0]) / 2,
                "tc_discriminator/permuted": -_mean_log(other[:, 1]) / 2,
            }
            total = parts["tc_discriminator/joint"] + parts["tc_discriminator/permuted"]
            return total, parts | {
                "tc_discriminator/loss": total,
                "tc_discriminator/mean_on_joint": ops.mean(joint[:, 0]),
                "tc_discriminator/mean_on_permuted": ops.mean(other[:, 1]),
            }

        optimizer = self.optimizers["tc_discriminator"]
        return engine.minimize(loss, optimizer, self.learned_by("tc_discriminator"))

    # ---- the interface of Model ----------------------------------------------------------------

    def draw(self, global_id: int, batch_size: int) -> list[np.ndarray]:
        """Return the noise of the two samples of codes, and the permutation."""
        seed, latent = self.config.run, self.latent
        noise = [latent.sample(stream(seed, "noise", global_id, i), batch_size) for i in (0, 1)]
        rows = np.tile(np.arange(batch_size, dtype=np.int32)[:, None], latent.num_codes)
        permutation = stream(seed, "permutation", global_id).permuted(rows, axis=0)
        return [*noise, permutation]

    def step(self, images: Any, drawn: Sequence, phase: None) -> dict:
        return self.iteration(images, *drawn)

    @property
    def title(self) -> str:
        return f"FactorVAE ({self.config.tc_coe:g})"


def _mean_log(probability):
    return ops.mean(ops.log(probability + EPS))
