"""The three networks of InfoGAN-CR on CelebA (paper, appendix).

Pictures are [N, 32, 32, 3] in [-1, 1], latents [N, latent_dim]. Batch norm comes before the
activation here. Layer names are part of the checkpoint format. Initial weights are drawn by
`disentanglement.networks.layers.initialize`.
"""

import keras
from keras import layers

from disentanglement.config import CelebAConfig
from disentanglement.networks.infogan import InfoGANCRNetworks
from disentanglement.networks.layers import (
    Conv2D,
    Conv2DTranspose,
    LeakyReLU,
    SpectralConv2D,
    SpectralDense,
    batch_norm,
)

SIZE, CHANNELS = 32, 3
FILTERS = (64, 128, 256, 512)


def build(config: CelebAConfig) -> InfoGANCRNetworks:
    """Return the three networks of a config, with weights yet to be drawn."""
    codes = config.uniform_reg_dim
    return InfoGANCRNetworks(
        generator(codes + config.uniform_not_reg_dim), discriminator(codes), cr_discriminator(codes)
    )


def generator(latent_dim: int) -> keras.Model:
    """Latents -> pictures in (-1, 1)."""
    x = latent = layers.Input((latent_dim,), name="latent")
    for i, units in enumerate((1024, 4096), start=1):
        x = batch_norm(f"dense{i}_norm")(layers.Dense(units, name=f"dense{i}")(x))
        x = layers.ReLU()(x)
    x = layers.Reshape((4, 4, 256))(x)
    for i, filters in enumerate((128, 64), start=1):
        x = batch_norm(f"deconv{i}_norm")(Conv2DTranspose(filters, 5, name=f"deconv{i}")(x))
        x = layers.ReLU()(x)
    x = Conv2DTranspose(CHANNELS, 5, name="deconv3")(x)
    return keras.Model(latent, layers.Activation("tanh")(x), name="generator")


def discriminator(code_dim: int) -> keras.Model:
    """Pictures -> [probability of being real [N, 1], mean of Q(code | picture) [N, code_dim]].

    Both heads take the flattened output of the last convolution.
    """
    x = image = layers.Input((SIZE, SIZE, CHANNELS), name="image")
    for i, filters in enumerate(FILTERS, start=1):
        x = LeakyReLU()(SpectralConv2D(filters, 5, name=f"conv{i}")(x))
    x = layers.Flatten()(x)
    real = layers.Activation("sigmoid")(SpectralDense(1, name="real")(x))
    return keras.Model(image, [real, SpectralDense(code_dim, name="q")(x)], name="discriminator")


def cr_discriminator(code_dim: int) -> keras.Model:
    """Two pictures stacked along the channels -> logits [N, code_dim] of the code they share.

    No spectral norm here, and no batch norm in the first layer.
    """
    x = pair = layers.Input((SIZE, SIZE, 2 * CHANNELS), name="pair")
    for i, filters in enumerate(FILTERS, start=1):
        x = Conv2D(filters, 5, name=f"conv{i}")(x)
        if i > 1:
            x = batch_norm(f"conv{i}_norm")(x)
        x = LeakyReLU()(x)
    logits = layers.Dense(code_dim, name="logits")(layers.Flatten()(x))
    return keras.Model(pair, logits, name="cr_discriminator")
