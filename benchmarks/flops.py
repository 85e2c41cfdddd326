"""Count the FLOPs of the algorithms: two per multiply-add of convolutions and dense layers.

Everything else (activations, batch norm, spectral norm, Adam) is ignored.
"""

import numpy as np


def macs(network):
    """Return the multiply-adds of a forward pass of one image: (first layer, all layers)."""
    counts = []
    for layer in network.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        # A convolution applies its kernel per output pixel, a transposed one per input pixel.
        pixels = layer.input.shape if "Transpose" in type(layer).__name__ else layer.output.shape
        area = int(np.prod(pixels[1:3])) if len(kernel.shape) == 4 else 1
        counts.append(area * int(np.prod(kernel.shape)))
    return counts[0], sum(counts)


def infogan_cr(model):
    """Return the FLOPs per image of an iteration: (before the contrastive term, after)."""
    g1, g = macs(model.generator)
    d1, d = macs(model.discriminator)
    h1, h = macs(model.cr_discriminator)
    # Training a network takes a forward pass, weight gradients, and input gradients of all layers
    # but the first; passing gradients through it, a forward pass and all input gradients.
    d_step = g + 2 * (d + d + (d - d1))
    g_step = g + (d + d) + g + (g - g1)
    h_step = 2 * g + h + h + (h - h1)
    g_pair = 2 * g + (h + h) + 2 * (g + (g - g1))
    before = d_step + 2 * g_step
    after = before + h_step + 2 * g_pair
    return 2 * before, 2 * after


def factor_vae(model):
    """Return the FLOPs per image of an iteration."""
    e1, e = macs(model.encoder)
    _, d = macs(model.decoder)
    t1, t = macs(model.tc_discriminator)
    vae = (e + d + t) + (e + d) + (e - e1 + d + t)
    return 2 * (vae + e + 2 * (t + t + t - t1))
