"""The three networks of InfoGAN-CR on dSprites (paper, appendix).

Generator and discriminator are `disentanglement.networks.infogan`'s. Layer names are part of the
checkpoint format.
"""

import keras
from keras import layers

from disentanglement.config import InfoGANCRConfig
from disentanglement.networks import infogan
from disentanglement.networks.infogan import InfoGANCRNetworks

CHANNELS = 1  # of the experiment's own data; `--set data=` may bring others


def build(config: InfoGANCRConfig) -> InfoGANCRNetworks:
    """Return the three networks of a config, with weights yet to be drawn."""
    channels = config.channels or CHANNELS
    h = cr_discriminator(config.uniform_reg_dim, channels)
    return infogan.infogan_cr(config, channels, h)


def cr_discriminator(code_dim: int, channels: int) -> keras.Model:
    """Two images stacked along the channels -> logits [N, code_dim] of the code they share."""
    pair = infogan.pair_input(channels)
    logits = layers.Dense(code_dim, name="logits")(infogan.spectral_trunk(pair))
    return keras.Model(pair, logits, name="cr_discriminator")
