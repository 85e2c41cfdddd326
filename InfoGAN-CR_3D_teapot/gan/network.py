"""The three networks of InfoGAN-CR on 3D teapots (paper, appendix).

Generator and discriminator are `disentanglement.networks.infogan`'s, for colour images. Layer names
are part of the checkpoint format.
"""

import keras
from keras import layers

from disentanglement.config import TeapotInfoGANCRConfig
from disentanglement.networks import infogan
from disentanglement.networks.infogan import InfoGANCRNetworks
from disentanglement.networks.layers import Conv2D, LeakyReLU, batch_norm

CHANNELS = 3  # of the experiment's own data; `--set data=` may bring others


def build(config: TeapotInfoGANCRConfig) -> InfoGANCRNetworks:
    """Return the three networks of a config, with weights yet to be drawn."""
    channels = config.channels or CHANNELS
    h = cr_discriminator(config.uniform_reg_dim, channels)
    return infogan.infogan_cr(config, channels, h)


def cr_discriminator(code_dim: int, channels: int) -> keras.Model:
    """Two images stacked along the channels -> logits [N, code_dim] of the code they share.

    No spectral norm here; batch norm comes after the activation, but not in the first layer.
    """
    x = pair = infogan.pair_input(channels)
    for i, filters in enumerate(infogan.FILTERS, start=1):
        x = LeakyReLU()(Conv2D(filters, 4, name=f"conv{i}")(x))
        if i > 1:
            x = batch_norm(f"conv{i}_norm")(x)
    x = LeakyReLU()(layers.Dense(128, name="dense1")(layers.Flatten()(x)))
    x = batch_norm("dense1_norm")(x)
    return keras.Model(pair, layers.Dense(code_dim, name="logits")(x), name="cr_discriminator")
