"""FLOPs that the algorithms ask for: multiply-adds of convolutions and dense layers, times two.

All else (activations, batch norm, spectral norm, Adam) counts as nothing.
"""

import numpy as np


def macs(network):
    """Multiply-adds of one image's forward pass: (first layer with weights, all layers)."""
    counts = []
    for layer in network.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        # A convolution meets its kernel at every output pixel, a transposed one at every input.
        pixels = layer.input.shape if "Transpose" in type(layer).__name__ else layer.output.shape
        area = int(np.prod(pixels[1:3])) if len(kernel.shape) == 4 else 1
        counts.append(area * int(np.prod(kernel.shape)))
    return counts[0], sum(counts)


def infogan_cr(model):
    """FLOPs of one image in an iteration: (before the contrastive term sets in, after)."""
    g1, g = macs(model.generator)
    d1, d = macs(model.discriminator)
    h1, h = macs(model.cr_discriminator)
    # A network that learns costs forward + weight gradient + input gradient but for its first
    # layer; one that is only passed through costs forward + input gradient.
    d_step = g + 2 * (d + d + (d - d1))
    g_step = g + (d + d) + g + (g - g1)
    h_step = 2 * g + h + h + (h - h1)
    g_pair = 2 * g + (h + h) + 2 * (g + (g - g1))
    before = d_step + 2 * g_step
    after = before + h_step + 2 * g_pair
    return 2 * before, 2 * after


def factor_vae(model):
    """FLOPs of one image in an iteration."""
    e1, e = macs(model.encoder)
    _, d = macs(model.decoder)
    t1, t = macs(model.tc_discriminator)
    vae = (e + d + t) + (e + d) + (e - e1 + d + t)
    return 2 * (vae + e + 2 * (t + t + t - t1))
