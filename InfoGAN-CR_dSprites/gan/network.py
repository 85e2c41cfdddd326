"""The three networks of InfoGAN-CR on dSprites (paper, appendix).

Generator and discriminator are `disentanglement.networks.infogan`'s. Layer names are part of the
checkpoint format.
"""

import keras
from keras import layers

from disentanglement.config import InfoGANCRConfig
from disentanglement.networks import infogan
from disentanglement.networks.infogan import InfoGANCRNetworks

CHANNELS = 1


def build(config: InfoGANCRConfig) -> InfoGANCRNetworks:
    """Return the three networks of a config, with weights yet to be drawn."""
    return infogan.infogan_cr(config, CHANNELS, cr_discriminator(config.uniform_reg_dim))


def cr_discriminator(code_dim: int) -> keras.Model:
    """Two images stacked along the channels -> logits [N, code_dim] of the code they share."""
    pair = infogan.pair_input(CHANNELS)
    logits = layers.Dense(code_dim, name="logits")(infogan.spectral_trunk(pair))
    return keras.Model(pair, logits, name="cr_discriminator")
