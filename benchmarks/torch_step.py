"""InfoGAN-CR's iteration on dSprites in plain eager PyTorch, as a baseline for speed.

It has the networks, losses and order of updates of disentanglement/algorithms/infogan_cr.py, in
idiomatic PyTorch: NCHW modules, autograd, torch.optim.Adam. train_step.py checks that the
losses agree.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

EPS, LEAK = 1e-8, 0.2


class SpectralNorm(nn.Module):
    """Divides a layer's kernel by an estimate of its largest singular value."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.register_buffer("u", torch.ones(1, layer.weight.shape[0]))

    def estimate(self):
        matrix = self.layer.weight.flatten(1).T
        v = F.normalize(self.u @ matrix.T, dim=1, eps=1e-12)
        u = F.normalize(v @ matrix, dim=1, eps=1e-12)
        return (v @ matrix @ u.T).squeeze(), u

    def forward(self, x):
        kernel = self.layer.weight / self.estimate()[0]
        if isinstance(self.layer, nn.Conv2d):
            return F.conv2d(x, kernel, self.layer.bias, stride=2, padding=1)
        return F.linear(x, kernel, self.layer.bias)

    @torch.no_grad()
    def update_u(self):
        self.u.copy_(self.estimate()[1])


class Generator(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.dense = nn.ModuleList([nn.Linear(latent_dim, 128), nn.Linear(128, 1024)])
        channels = [64, 64, 32, 32, 1]
        self.deconv = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in pairwise(channels)
        )
        self.dense_norm = nn.ModuleList([nn.BatchNorm1d(128), nn.BatchNorm1d(1024)])
        self.deconv_norm = nn.ModuleList(nn.BatchNorm2d(c) for c in channels[1:-1])

    def forward(self, x):
        for dense, norm in zip(self.dense, self.dense_norm, strict=True):
            x = norm(F.relu(dense(x)))
        x = x.view(-1, 64, 4, 4)
        for deconv, norm in zip(self.deconv, self.deconv_norm, strict=False):
            x = norm(F.leaky_relu(deconv(x), LEAK))
        return torch.sigmoid(self.deconv[-1](x))


class Trunk(nn.Module):
    def __init__(self, channels):
        super().__init__()
        sizes = [channels, 32, 32, 64, 64]
        self.conv = nn.ModuleList(
            SpectralNorm(nn.Conv2d(a, b, 4, 2, 1)) for a, b in pairwise(sizes)
        )
        self.dense1 = SpectralNorm(nn.Linear(1024, 128))

    def forward(self, x):
        for conv in self.conv:
            x = F.leaky_relu(conv(x), LEAK)
        return F.leaky_relu(self.dense1(x.flatten(1)), LEAK)


class Discriminator(nn.Module):
    def __init__(self, codes):
        super().__init__()
        self.trunk = Trunk(1)
        self.real = SpectralNorm(nn.Linear(128, 1))
        self.q_hidden = SpectralNorm(nn.Linear(128, 128))
        self.q = SpectralNorm(nn.Linear(128, codes))

    def forward(self, x):
        x = self.trunk(x)
        return torch.sigmoid(self.real(x)), self.q(F.leaky_relu(self.q_hidden(x), LEAK))


class CRDiscriminator(nn.Module):
    def __init__(self, codes):
        super().__init__()
        self.trunk = Trunk(2)
        self.logits = nn.Linear(128, codes)

    def forward(self, x):
        return self.logits(self.trunk(x))


class Step:
    """The networks, their optimisers, and one iteration."""

    def __init__(self, config, device="cpu"):
        self.config, self.device = config, device
        self.codes = config.uniform_reg_dim
        self.generator = Generator(self.codes + config.uniform_not_reg_dim).to(device)
        self.discriminator = Discriminator(self.codes).to(device)
        self.cr_discriminator = CRDiscriminator(self.codes).to(device)
        rates = (config.de_lr, config.infod_lr, config.crd_lr)
        self.adam_g, self.adam_d, self.adam_h = (
            torch.optim.Adam(network.parameters(), rate, betas=(0.5, 0.999), eps=1e-8)
            for network, rate in zip(self.networks, rates, strict=True)
        )

    @property
    def networks(self):
        return self.generator, self.discriminator, self.cr_discriminator

    def iteration(self, images, z, pair=None, cr_coe=0.0):
        """Run one iteration and return its losses, as numbers.

        Args:
            images: [N, 64, 64, 1].
            z: Latents [N, dim].
            pair: (first, second, label), NumPy arrays as all others; None leaves H out.
            cr_coe: The weight of the contrastive term.
        """
        tensor = self._tensor
        images, z = tensor(images).permute(0, 3, 1, 2), tensor(z)
        report = {}
        if pair is not None:
            pair = [tensor(part) for part in pair]
            with torch.no_grad():
                both = self._both(pair)
            report["cr_discriminator/loss"] = self._contrastive(both, pair)
            _minimize(report["cr_discriminator/loss"], self.adam_h)
        report |= self._update_discriminator(images, z)
        for _ in range(2):
            report |= self._update_generator(z, pair, cr_coe)
        networks = self.networks[1:] if pair is not None else self.networks[1:2]
        for network in networks:
            for module in network.modules():
                if isinstance(module, SpectralNorm):
                    module.update_u()
        return {name: float(value.detach()) for name, value in report.items()}

    def _update_discriminator(self, images, z):
        with torch.no_grad():
            fake = self.generator(z)
        real, codes = self.discriminator(torch.cat([images, fake]))
        real, fake_real = real.chunk(2)
        parts = {
            "discriminator/real": -_mean_log(real),
            "discriminator/fake": -_mean_log(1 - fake_real),
            "discriminator/log_q": self._log_q(codes.chunk(2)[1], z),
        }
        loss = parts["discriminator/real"] + parts["discriminator/fake"]
        _minimize(loss - self.config.info_coe_infod * parts["discriminator/log_q"], self.adam_d)
        return parts

    def _update_generator(self, z, pair, cr_coe):
        real, codes = self.discriminator(self.generator(z))
        parts = {"generator/fake": -_mean_log(real), "generator/log_q": self._log_q(codes, z)}
        loss = parts["generator/fake"] - self.config.info_coe_de * parts["generator/log_q"]
        if pair is not None:
            parts["generator/contrastive"] = self._contrastive(self._both(pair), pair)
            loss = loss + cr_coe * parts["generator/contrastive"]
        _minimize(loss, self.adam_g)
        return parts

    def _both(self, pair):
        return torch.cat([self.generator(pair[0]), self.generator(pair[1])], dim=1)

    def _contrastive(self, both, pair):
        return F.cross_entropy(self.cr_discriminator(both), pair[2].long())

    def _log_q(self, mean, z):
        error = (mean - z[:, : self.codes]).square().mean(0)
        return (-error / 2 - math.log(2 * math.pi) / 2).sum()

    def _tensor(self, array):
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def load(self, path):
        """Copy the networks' weights from a checkpoint of this project."""
        with np.load(path) as arrays:
            for name, parameter in self._named():
                parameter.data.copy_(self._tensor(_as_torch(name, arrays[name])))

    def _named(self):
        """Yield (name in a checkpoint, tensor) for every weight."""
        g = self.generator
        for kind in ("dense", "deconv"):
            norms = getattr(g, f"{kind}_norm")
            for i, layer in enumerate(getattr(g, kind), start=1):
                yield from _layer(f"generator/{kind}{i}", layer)
                if i <= len(norms):
                    norm = norms[i - 1]
                    tensors = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
                    names = ("gamma", "beta", "moving_mean", "moving_variance")
                    for name, tensor in zip(names, tensors, strict=True):
                        yield f"generator/{kind}{i}_norm/{name}", tensor
        d, h = self.discriminator, self.cr_discriminator
        for network, trunk in (("discriminator", d.trunk), ("cr_discriminator", h.trunk)):
            for i, layer in enumerate(trunk.conv, start=1):
                yield from _layer(f"{network}/conv{i}", layer)
            yield from _layer(f"{network}/dense1", trunk.dense1)
        for name in ("real", "q_hidden", "q"):
            yield from _layer(f"discriminator/{name}", getattr(d, name))
        yield from _layer("cr_discriminator/logits", h.logits)


def _layer(name, layer):
    if isinstance(layer, SpectralNorm):
        yield f"{name}/u", layer.u
        layer = layer.layer
    yield f"{name}/kernel", layer.weight
    yield f"{name}/bias", layer.bias


def _as_torch(name, array):
    """Convert a weight: Keras has kernels [h, w, in, out] or [in, out] and channels last."""
    if not name.endswith("/kernel"):
        if name in ("generator/dense2/bias", *_NORM2):
            return array.reshape(4, 4, 64).transpose(2, 0, 1).ravel()
        return array
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    if name.endswith("discriminator/dense1/kernel"):
        return array.reshape(4, 4, 64, -1).transpose(3, 2, 0, 1).reshape(array.shape[1], -1)
    if name == "generator/dense2/kernel":
        return array.reshape(-1, 4, 4, 64).transpose(3, 1, 2, 0).reshape(1024, -1)
    return array.T


_NORM2 = [
    f"generator/dense2_norm/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")
]


def _mean_log(probability):
    return (probability + EPS).log().mean()


def _minimize(loss, optimizer):
    optimizer.zero_grad()
    loss.backward(inputs=optimizer.param_groups[0]["params"])
    optimizer.step()
