"""What all VAEs share, FactorVAE included: networks, the terms of the bound, codes, exports.

The encoder gives every image a normal distribution q(z|x) of codes with a diagonal covariance, and
the decoder gives every code the probability of each pixel. The prior p(z) is N(0, 1).
"""

import zlib
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from disentanglement import engine
from disentanglement.algorithms.latent import GaussianLatent, JointLatent, UniformLatent
from disentanglement.algorithms.model import Model, adam
from disentanglement.config import VAEKeys
from disentanglement.networks.export import fold
from disentanglement.streams import stream


class Posterior(NamedTuple):
    """The distributions q(z|x) of a batch of images, and a code from each.

    Attributes:
        mean: [N, K].
        log_variance: [N, K].
        codes: [N, K].
        kl: KL(q(z_j|x) || N(0, 1)) of each latent j, averaged over the batch, [K].
    """

    mean: Any
    log_variance: Any
    codes: Any
    kl: Any


class Autoencoder(Model):
    """An encoder and a decoder that one optimiser, "vae", trains together.

    Args:
        config: The config of the run.
        encoder: Images [N, H, W, C] -> [means, log variances], both [N, K].
        decoder: Codes [N, K] -> pixel logits [N, H, W, C].
        networks: Further networks.
        optimizers: Further optimisers.
    """

    config: VAEKeys

    def __init__(
        self,
        config: VAEKeys,
        encoder: keras.Model,
        decoder: keras.Model,
        networks: dict[str, keras.Model] | None = None,
        optimizers: dict[str, keras.Optimizer] | None = None,
    ):
        super().__init__(
            config,
            networks={"encoder": encoder, "decoder": decoder} | (networks or {}),
            optimizers={"vae": adam(config.vae_lr, 0.9, 0.999)} | (optimizers or {}),
            latent=JointLatent(GaussianLatent(1), config.gaussian_dim, UniformLatent(0)),
        )
        self.encoder, self.decoder = encoder, decoder
        images = keras.layers.Activation("sigmoid")(decoder.outputs[0])
        self.generator = keras.Model(decoder.input, images, name="generator")
        self._generate = engine.compile_inference(self.generator)

    @property
    def title(self) -> str:
        """The model's name in tables, without what is said of its codes."""
        return type(self).__name__

    # ---- for `step` ----------------------------------------------------------------------------

    def posterior(self, images: Any, noise: Any) -> Posterior:
        """Encode images; `noise`, [N, K] and standard normal, picks the codes."""
        mean, log_variance = self.encoder(images, training=True)
        kl = kl_divergence(mean, log_variance)
        # Three things may use the means: KL, the codes and an objective. With a copy for the last
        # two, TensorFlow adds their gradients in pairs, whose order does not matter; that of three
        # would depend on luck (see tests/test_repeatability.py).
        mean = ops.copy(mean)
        return Posterior(mean, log_variance, mean + ops.exp(log_variance / 2) * noise, kl)

    def reconstruction(self, images: Any, codes: Any) -> Any:
        """Return -log p(x|z): cross entropy, summed over pixels and averaged over the batch."""
        logits = self.decoder(codes, training=True)
        pixels = ops.binary_crossentropy(images, logits, from_logits=True)
        return ops.mean(ops.sum(pixels, axis=(1, 2, 3)))

    # ---- the interface of Model ----------------------------------------------------------------

    def learned_by(self, optimizer: str) -> list:
        if optimizer == "vae":
            networks = self.networks["encoder"], self.networks["decoder"]
            return [variable for network in networks for variable in network.trainable_variables]
        return super().learned_by(optimizer)

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

    def best_codes(self, images: np.ndarray) -> np.ndarray:
        """Return the means."""
        return np.split(self._distribution(images), 2, axis=1)[0]

    def generate(self, latents: np.ndarray) -> np.ndarray:
        return self._generate(latents)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Return the decoder's images of the means."""
        return self.generate(self.best_codes(images))

    def name_after(self, batches: int) -> str:
        return f"{self.title}{', means as codes' if self.config.codes == 'mean' else ''}"

    def record_entries(self) -> dict[str, str]:
        return {"codes": self.config.codes}

    def exports(self) -> dict[str, keras.Model]:
        """Return the encoder, images -> [means, log variances], and the generator."""
        return {"encoder": fold(self.encoder), "generator": fold(self.generator)}


def kl_divergence(mean: Any, log_variance: Any) -> Any:
    """Return KL(N(mean, e^log_variance) || N(0, 1)) of each latent, averaged over the batch: [K].

    Args:
        mean, log_variance: [N, K].
    """
    kl = (ops.square(mean) + ops.exp(log_variance) - 1 - log_variance) / 2
    return ops.mean(kl, axis=0)
