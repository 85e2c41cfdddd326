"""The generator and discriminator of InfoGAN-CR for 64x64 images (paper, appendix).

Images are [N, 64, 64, channels], latents [N, latent_dim]. Layer names are part of the checkpoint
format. Initial weights are drawn by `disentanglement.networks.layers.initialize`.
"""

from dataclasses import dataclass

import keras
from keras import layers

from disentanglement.config import InfoGANCRConfig
from disentanglement.networks.layers import (
    Conv2DTranspose,
    LeakyReLU,
    SpectralConv2D,
    SpectralDense,
    batch_norm,
)

IMAGE_SIZE = 64
FILTERS = (32, 32, 64, 64)  # of the four convolutions in each discriminator


@dataclass(frozen=True)
class InfoGANCRNetworks:
    """The networks of InfoGAN-CR, for images of any size.

    Attributes:
        generator: Latents [N, dim] -> images [N, H, W, C].
        discriminator: Images -> [probability of being real [N, 1], mean of Q(code | image) [N, K]].
        cr_discriminator: Two images stacked along the channels, [N, H, W, 2 C] -> logits [N, K] of
            the code they share.
    """

    generator: keras.Model
    discriminator: keras.Model
    cr_discriminator: keras.Model


def infogan_cr(
    config: InfoGANCRConfig, channels: int, cr_discriminator: keras.Model
) -> InfoGANCRNetworks:
    """Return the paper's networks for images [N, 64, 64, channels], with an experiment's own H."""
    codes = config.uniform_reg_dim
    return InfoGANCRNetworks(
        generator(codes + config.uniform_not_reg_dim, channels),
        discriminator(codes, config.q_l_dim, channels),
        cr_discriminator,
    )


def generator(latent_dim: int, channels: int) -> keras.Model:
    """Build the generator: latents -> images in (0, 1). Batch norm follows the activation."""
    x = latent = layers.Input((latent_dim,), name="latent")
    for i, units in enumerate((128, 1024), start=1):
        x = layers.Dense(units, name=f"dense{i}")(x)
        x = batch_norm(f"dense{i}_norm")(layers.ReLU()(x))
    x = layers.Reshape((4, 4, 64))(x)
    for i, filters in enumerate((64, 32, 32), start=1):
        x = Conv2DTranspose(filters, 4, name=f"deconv{i}")(x)
        x = batch_norm(f"deconv{i}_norm")(LeakyReLU()(x))
    x = Conv2DTranspose(channels, 4, name="deconv4")(x)
    return keras.Model(latent, layers.Activation("sigmoid")(x), name="generator")


def discriminator(code_dim: int, q_l_dim: int, channels: int) -> keras.Model:
    """Build the discriminator D with its head Q.

    Args:
        code_dim: The number of codes.
        q_l_dim: The width of Q's hidden layer.
        channels: The channels of the images.

    Returns:
        Images -> [probability of being real [N, 1], mean of Q(code | image) [N, code_dim]].
    """
    image = layers.Input((IMAGE_SIZE, IMAGE_SIZE, channels), name="image")
    shared = spectral_trunk(image)
    real = layers.Activation("sigmoid")(SpectralDense(1, name="real")(shared))
    q = LeakyReLU()(SpectralDense(q_l_dim, name="q_hidden")(shared))
    q = SpectralDense(code_dim, name="q")(q)
    return keras.Model(image, [real, q], name="discriminator")


def cr_discriminator(code_dim: int, channels: int) -> keras.Model:
    """Build H as for dSprites: two images stacked along the channels -> logits [N, code_dim]."""
    pair = pair_input(channels)
    logits = layers.Dense(code_dim, name="logits")(spectral_trunk(pair))
    return keras.Model(pair, logits, name="cr_discriminator")


def pair_input(channels: int) -> keras.KerasTensor:
    """Return the input of a contrastive discriminator: two images stacked along the channels."""
    return layers.Input((IMAGE_SIZE, IMAGE_SIZE, 2 * channels), name="pair")


def spectral_trunk(x: keras.KerasTensor) -> keras.KerasTensor:
    """Map images to 128 features with convolutions and a dense layer, all spectrally normalised."""
    for i, filters in enumerate(FILTERS, start=1):
        x = LeakyReLU()(SpectralConv2D(filters, 4, name=f"conv{i}")(x))
    x = layers.Flatten()(x)
    return LeakyReLU()(SpectralDense(128, name="dense1")(x))
