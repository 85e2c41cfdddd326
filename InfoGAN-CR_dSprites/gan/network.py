"""The three networks of InfoGAN-CR on dSprites (paper, appendix).

All are `disentanglement.networks.infogan`'s, the contrastive discriminator with spectral norm, too.
Layer names are part of the checkpoint format.
"""

from disentanglement.config import InfoGANCRConfig
from disentanglement.networks import infogan
from disentanglement.networks.infogan import InfoGANCRNetworks

CHANNELS = 1  # of the experiment's own data; `--set data=` may bring others


def build(config: InfoGANCRConfig) -> InfoGANCRNetworks:
    """Return the three networks of a config, with weights yet to be drawn."""
    channels = config.channels or CHANNELS
    h = infogan.cr_discriminator(config.uniform_reg_dim, channels)
    return infogan.infogan_cr(config, channels, h)
