"""The three networks of InfoGAN-CR on dSprites (paper, appendix).

Generator and discriminator are `disentanglement.networks.infogan`'s. Layer names are part of the
checkpoint format.
"""

import functools

import keras
from keras import layers

from disentanglement.networks import infogan

CHANNELS = 1

generator = functools.partial(infogan.generator, channels=CHANNELS)
discriminator = functools.partial(infogan.discriminator, channels=CHANNELS)


def cr_discriminator(code_dim: int) -> keras.Model:
    """Two images side by side in depth -> logits [N, code_dim]: which code do they share?"""
    pair = infogan.pair_input(CHANNELS)
    logits = layers.Dense(code_dim, name="logits")(infogan.spectral_trunk(pair))
    return keras.Model(pair, logits, name="cr_discriminator")
