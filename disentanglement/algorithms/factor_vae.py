"""FactorVAE: losses and one training iteration (Kim & Mnih 2018, arXiv 1802.05983, algorithm 2).

A VAE whose loss also penalises the total correlation of the codes, with weight tc_coe. A
discriminator estimates it: it learns to distinguish the encoder's codes from codes in which each
latent has been permuted across the batch independently. Read `iteration` first.
"""

import zlib
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from disentanglement import engine
from disentanglement.algorithms.latent import GaussianLatent, JointLatent, UniformLatent
from disentanglement.algorithms.model import Model, adam
from disentanglement.config import FactorVAEConfig
from disentanglement.networks.export import fold
from disentanglement.networks.vae import FactorVAENetworks
from disentanglement.streams import stream

EPS = 1e-8


class FactorVAE(Model):
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
            networks={
                "encoder": networks.encoder,
                "decoder": networks.decoder,
                "tc_discriminator": networks.tc_discriminator,
            },
            optimizers={
                "vae": adam(config.vae_lr, 0.9, 0.999),
                "tc_discriminator": adam(config.tcd_lr, 0.5, 0.9),
            },
            latent=JointLatent(GaussianLatent(1), config.gaussian_dim, UniformLatent(0)),
        )
        self.encoder, self.decoder = networks.encoder, networks.decoder
        self.tc_discriminator = networks.tc_discriminator
        images = keras.layers.Activation("sigmoid")(self.decoder.outputs[0])
        self.generator = keras.Model(self.decoder.input, images, name="generator")
        self._generate = engine.compile_inference(self.generator)
        self._distribution = engine.compile_inference(
            keras.Model(self.encoder.input, keras.layers.Concatenate()(self.encoder.outputs))
        )

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
            mean, log_variance = self.encoder(images, training=True)
            codes = _sample(mean, log_variance, noise)
            kl = ops.mean(_kl(mean, log_variance), axis=0)
            logits = self.tc_discriminator(codes, training=True)
            parts = {
                "vae/reconstruction": _cross_entropy(images, self.decoder(codes, training=True)),
                "vae/kl": ops.sum(kl),
                "vae/tc": ops.mean(logits[:, 0] - logits[:, 1]),
            }
            total = parts["vae/reconstruction"] + parts["vae/kl"]
            total = total + self.config.tc_coe * parts["vae/tc"]
            return total, parts | {"vae/total": total, "kl": kl}

        return engine.minimize(loss, self.optimizers["vae"], self.learned_by("vae"))

    def _update_tc_discriminator(self, images, noise, permutation):
        mean, log_variance = self.encoder(images, training=True)
        codes = _sample(mean, log_variance, noise)
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

    def learned_by(self, optimizer: str) -> list:
        if optimizer == "vae":
            networks = self.networks["encoder"], self.networks["decoder"]
            return [variable for network in networks for variable in network.trainable_variables]
        return super().learned_by(optimizer)

    def draw(self, global_id: int, batch_size: int) -> list[np.ndarray]:
        """Return the noise of the two samples of codes, and the permutation."""
        seed, latent = self.config.run, self.latent
        noise = [latent.sample(stream(seed, "noise", global_id, i), batch_size) for i in (0, 1)]
        rows = np.tile(np.arange(batch_size, dtype=np.int32)[:, None], latent.num_codes)
        permutation = stream(seed, "permutation", global_id).permuted(rows, axis=0)
        return [*noise, permutation]

    def step(self, images: Any, drawn: Sequence, phase: None) -> dict:
        return self.iteration(images, *drawn)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return sampled codes, as the paper's code scores them, or the means if config says so.

        The noise depends only on config.run and the image, so an image always gets the same code.
        """
        mean, log_variance = np.split(self._distribution(images), 2, axis=1)
        if self.config.codes == "mean":
            return mean
        keys = [zlib.crc32(image.tobytes()) for image in images]
        noise = [stream(self.config.run, "codes", k).standard_normal(mean.shape[1]) for k in keys]
        return mean + np.exp(log_variance / 2) * np.array(noise, np.float32)

    def generate(self, latents: np.ndarray) -> np.ndarray:
        return self._generate(latents)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Return the decoder's images of the means."""
        mean, _ = np.split(self._distribution(images), 2, axis=1)
        return self.generate(mean)

    def name_after(self, batches: int) -> str:
        means = ", means as codes" if self.config.codes == "mean" else ""
        return f"FactorVAE ({self.config.tc_coe:g}){means}"

    def record_entries(self) -> dict[str, str]:
        return {"codes": self.config.codes}

    def exports(self) -> dict[str, keras.Model]:
        """Return the encoder, images -> [means, log variances], and the generator."""
        return {"encoder": fold(self.encoder), "generator": fold(self.generator)}


def _sample(mean, log_variance, noise):
    return mean + ops.exp(log_variance / 2) * noise


def _kl(mean, log_variance):
    """Return KL(N(mean, e^log_variance) || N(0, 1)) of every latent, [N, K]."""
    return (ops.square(mean) + ops.exp(log_variance) - 1 - log_variance) / 2


def _cross_entropy(images, logits):
    """Return the sigmoid cross entropy, summed over pixels and averaged over the batch."""
    pixels = ops.binary_crossentropy(images, logits, from_logits=True)
    return ops.mean(ops.sum(pixels, axis=(1, 2, 3)))


def _mean_log(probability):
    return ops.mean(ops.log(probability + EPS))
