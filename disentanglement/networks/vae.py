"""The three networks of FactorVAE for 64x64 images (paper, appendix).

Images are [N, 64, 64, channels], codes [N, latent_dim]. Layer names are part of the checkpoint
format. Initial weights are drawn by `disentanglement.networks.layers.initialize`.
"""

from dataclasses import dataclass

import keras
from keras import layers

from disentanglement.networks.layers import Conv2D, Conv2DTranspose, LeakyReLU

IMAGE_SIZE = 64


@dataclass(frozen=True)
class FactorVAENetworks:
    """The networks of FactorVAE, for images of any size.

    Attributes:
        encoder: Images [N, H, W, C] -> [means, log variances], both [N, K].
        decoder: Codes [N, K] -> pixel logits [N, H, W, C].
        tc_discriminator: Codes -> logits [N, 2] of the classes 0, as encoded, and 1, permuted over
            the batch.
    """

    encoder: keras.Model
    decoder: keras.Model
    tc_discriminator: keras.Model


def factor_vae(latent_dim: int, channels: int) -> FactorVAENetworks:
    """Build the paper's networks for images [N, 64, 64, channels]."""
    return FactorVAENetworks(
        encoder(latent_dim, channels), decoder(latent_dim, channels), tc_discriminator(latent_dim)
    )


def encoder(latent_dim: int, channels: int) -> keras.Model:
    """Build the encoder: images -> [means [N, latent_dim], log variances [N, latent_dim]]."""
    x = image = layers.Input((IMAGE_SIZE, IMAGE_SIZE, channels), name="image")
    for i, filters in enumerate((32, 32, 64, 64), start=1):
        x = layers.ReLU()(Conv2D(filters, 4, name=f"conv{i}")(x))
    # No activation, as in the paper's code.
    x = layers.Dense(128, name="dense1")(layers.Flatten()(x))
    mean = layers.Dense(latent_dim, name="mean")(x)
    log_variance = layers.Dense(latent_dim, name="log_variance")(x)
    return keras.Model(image, [mean, log_variance], name="encoder")


def decoder(latent_dim: int, channels: int) -> keras.Model:
    """Build the decoder: codes -> pixel logits."""
    x = code = layers.Input((latent_dim,), name="code")
    for i, units in enumerate((128, 1024), start=1):
        x = layers.Dense(units, activation="relu", name=f"dense{i}")(x)
    x = layers.Reshape((4, 4, 64))(x)
    for i, filters in enumerate((64, 32, 32), start=1):
        x = layers.ReLU()(Conv2DTranspose(filters, 4, name=f"deconv{i}")(x))
    return keras.Model(code, Conv2DTranspose(channels, 4, name="deconv4")(x), name="decoder")


def tc_discriminator(latent_dim: int) -> keras.Model:
    """Build the discriminator: codes -> logits [N, 2] of as encoded (0), permuted (1)."""
    x = code = layers.Input((latent_dim,), name="code")
    for i in range(1, 6):
        x = LeakyReLU()(layers.Dense(1000, name=f"dense{i}")(x))
    return keras.Model(code, layers.Dense(2, name="logits")(x), name="tc_discriminator")
