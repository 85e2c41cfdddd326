"""The three networks of FactorVAE on 3D teapots: `disentanglement.networks.factor_vae`'s."""

import functools

from disentanglement.networks import factor_vae

CHANNELS = 3

encoder = functools.partial(factor_vae.encoder, channels=CHANNELS)
decoder = functools.partial(factor_vae.decoder, channels=CHANNELS)
tc_discriminator = factor_vae.tc_discriminator
