"""InfoGAN-CR: losses and one training iteration (Lin et al., arXiv 1906.06034).

A generator G makes images from codes c and noise; a discriminator D classifies images as real or
generated, and its head Q infers the codes; a contrastive discriminator H predicts which code two
images share. Read `iteration` first: it is the whole algorithm, in the order of the updates.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from disentanglement import engine
from disentanglement.algorithms.latent import JointLatent, Pair, UniformLatent
from disentanglement.algorithms.model import Model, adam
from disentanglement.algorithms.schedule import Schedule
from disentanglement.config import InfoGANCRKeys
from disentanglement.networks.export import fold
from disentanglement.networks.infogan import InfoGANCRNetworks
from disentanglement.networks.layers import initialize, update_spectral_vectors
from disentanglement.streams import stream

EPS = 1e-8
_CERTAIN = 0.99  # mean probability from which D is right about nearly every image


class InfoGANCR(Model):
    """InfoGAN-CR's networks and optimisers, and how a batch updates them."""

    config: InfoGANCRKeys
    progress: ClassVar = {
        "discriminator": "discriminator/loss",
        "generator": "generator/loss",
        "cr_discriminator": "cr_discriminator/loss",
    }

    def __init__(self, config: InfoGANCRKeys, networks: InfoGANCRNetworks):
        noise = UniformLatent(config.uniform_not_reg_dim)
        super().__init__(
            config,
            networks={
                "generator": networks.generator,
                "discriminator": networks.discriminator,
                "cr_discriminator": networks.cr_discriminator,
            },
            optimizers={
                "generator": adam(config.de_lr, 0.5, 0.999),
                "discriminator": adam(config.infod_lr, 0.5, 0.999),
                "cr_discriminator": adam(config.crd_lr, 0.5, 0.999),
            },
            latent=JointLatent(UniformLatent(1), config.uniform_reg_dim, noise),
        )
        self.generator, self.discriminator = networks.generator, networks.discriminator
        self.cr_discriminator = networks.cr_discriminator
        self.schedule = Schedule.of(config)
        self.encoder = keras.Model(
            self.discriminator.input, self.discriminator.outputs[1], name="encoder"
        )
        self._generate = engine.compile_inference(self.generator)
        self._encode = engine.compile_inference(self.encoder)

    # ---- one iteration -------------------------------------------------------------------------

    def iteration(self, images, z, pair: Pair | None, cr_coe, contrast: bool) -> dict:
        """Update H, then D with Q, then G twice on the same latents, then every u.

        The images that H and D learn from are also those of G's first update. They are written down
        again there, but computed only once (see engine/tensorflow.py).

        Args:
            images: [N, H, W, C].
            z: Latents [N, dim].
            pair: Latents for H; None leaves H out.
            cr_coe: The weight of the contrastive term.
            contrast: Whether cr_coe > 0. Only then is G's batch norm in training mode for the pair.

        Returns:
            Each part of the losses, computed before its update (for G, before the second one).
        """
        report: dict = {}
        if pair is not None:
            report |= self._update_cr_discriminator(pair, contrast)
        report |= self._update_discriminator(images, z)
        self._update_generator(z, pair, cr_coe, contrast)
        report |= self._update_generator(z, pair, cr_coe, contrast)
        update_spectral_vectors(self.discriminator)
        if pair is not None:
            update_spectral_vectors(self.cr_discriminator)
        return report

    def _update_cr_discriminator(self, pair, contrast):
        # Outside the loss: G is not trained here, but its moving averages are updated.
        first = self.generator(pair.first, training=contrast)
        second = self.generator(pair.second, training=contrast)

        def loss():
            value, accuracy = self._contrastive_loss(first, second, pair.label)
            return value, {"cr_discriminator/loss": value, "cr_discriminator/accuracy": accuracy}

        return self._minimize(loss, "cr_discriminator")

    def _update_discriminator(self, images, z):
        fake = self.generator(z, training=True)

        def loss():
            # D and Q have no batch norm, so one pass over both halves equals two passes.
            real, codes = self.discriminator(ops.concatenate([images, fake]), training=True)
            real, fake_real = ops.split(real, 2)
            # The ReLU changes nothing, as D <= 1. Without it, TensorFlow's graph optimiser makes
            # (1 + EPS) - D of (1 - D) + EPS, whose logarithm is infinite where D rounds to 1.
            fake_not_real = ops.relu(1 - fake_real)
            log_q, squared_error = self._log_q(ops.split(codes, 2)[1], z)
            parts = {
                "discriminator/real": -_mean_log(real),
                "discriminator/fake": -_mean_log(fake_not_real),
                "discriminator/log_q": ops.sum(log_q),
            }
            weight = self.config.info_coe_infod
            total = (
                parts["discriminator/real"]
                + parts["discriminator/fake"]
                - weight * parts["discriminator/log_q"]
            )
            return total, parts | {
                "discriminator/loss": total,
                "discriminator/mean_on_real": ops.mean(real),
                "discriminator/mean_on_fake": ops.mean(fake_real),
                "log_q": log_q,
                "squared_error": squared_error,
            }

        return self._minimize(loss, "discriminator")

    def _update_generator(self, z, pair, cr_coe, contrast):
        def loss():
            real, codes = self.discriminator(self.generator(z, training=True), training=True)
            log_q, _ = self._log_q(codes, z)
            parts = {"generator/fake": -_mean_log(real), "generator/log_q": ops.sum(log_q)}
            total = parts["generator/fake"] - self.config.info_coe_de * parts["generator/log_q"]
            if pair is not None:
                first = self.generator(pair.first, training=contrast)
                second = self.generator(pair.second, training=contrast)
                contrastive, _ = self._contrastive_loss(first, second, pair.label)
                parts["generator/contrastive"] = contrastive
                total = total + cr_coe * contrastive
            return total, parts | {"generator/loss": total}

        return self._minimize(loss, "generator")

    # ---- loss parts ----------------------------------------------------------------------------

    def _contrastive_loss(self, first, second, label):
        logits = self.cr_discriminator(ops.concatenate([first, second], axis=-1), training=True)
        loss = keras.losses.sparse_categorical_crossentropy(label, logits, from_logits=True)
        hits = ops.equal(ops.argmax(logits, axis=-1), ops.cast(label, "int32"))
        return ops.mean(loss), ops.mean(ops.cast(hits, "float32"))

    def _log_q(self, mean, z):
        """Return, per code, the batch means of log q(c | x) and the squared error.

        q is a normal distribution of unit variance.
        """
        squared_error = ops.mean(ops.square(mean - z[:, : self.latent.num_codes]), axis=0)
        return -squared_error / 2 - math.log(2 * math.pi) / 2, squared_error

    def _minimize(self, loss, name):
        return engine.minimize(loss, self.optimizers[name], self.learned_by(name))

    # ---- the interface of Model ----------------------------------------------------------------

    def draw(self, global_id: int, batch_size: int) -> list[np.ndarray]:
        """Return the latents and, unless H is skipped, a pair and its weight cr_coe."""
        seed, latent = self.config.run, self.latent
        z = latent.sample(stream(seed, "latents", global_id), batch_size)
        if self.config.skip_idle_crd and self.schedule.is_idle(global_id):
            return [z]
        gap = self.schedule.gap(global_id)
        pair = latent.sample_pair(stream(seed, "pair", global_id), batch_size, gap)
        cr_coe = np.array(self.schedule.cr_coe(global_id), np.float32)
        return [z, pair.first, pair.second, pair.label, cr_coe]

    def step(self, images: Any, drawn: Sequence, phase: bool) -> dict:
        z, *pair = drawn
        if not pair:
            return self.iteration(images, z, None, None, phase)
        *pair, cr_coe = pair
        return self.iteration(images, z, Pair(*pair), cr_coe, phase)

    def phase(self, global_id: int) -> bool:
        """Whether the contrastive term is active in this batch."""
        return self.schedule.cr_coe(global_id) > EPS

    def snapshot_before(self, global_id: int) -> bool:
        """Whether cr_coe first rises here: the paper's baseline "InfoGAN (modified)" ends here."""
        return self.schedule.nth_rise(global_id) == 1

    def name_after(self, batches: int) -> str:
        contrast = batches > 0 and self.phase(batches - 1)
        return "InfoGAN-CR" if contrast else "InfoGAN (modified)"

    def start_batch(self, global_id: int) -> None:
        if nth := self.schedule.nth_fall(global_id):
            self._reinitialize_cr_discriminator("fall", nth)
        if nth := self.schedule.nth_rise(global_id):
            self._reinitialize_cr_discriminator("rise", nth)

    def changes_before(self, global_id: int) -> bool:
        return bool(self.schedule.nth_rise(global_id) or self.schedule.nth_fall(global_id))

    def schedule_report(self, global_id: int) -> dict[str, float]:
        return {"cr_coe": self.schedule.cr_coe(global_id), "gap": self.schedule.gap(global_id)}

    def trouble(self, report: Mapping[str, np.ndarray]) -> str | None:
        real, fake = (report[f"discriminator/mean_on_{kind}"] for kind in ("real", "fake"))
        if real < _CERTAIN or fake > 1 - _CERTAIN:
            return None
        return (
            "the discriminator has told all generated images from real ones, so the generator "
            "hardly learns: look at the pictures in sample/, and try another run number"
        )

    def generate(self, latents: np.ndarray) -> np.ndarray:
        return self._generate(latents)

    def encode(self, images: np.ndarray) -> np.ndarray:
        return self._encode(images)

    def exports(self) -> dict[str, keras.Model]:
        """Return the generator and the encoder, with spectral norm folded into the kernels."""
        return {"generator": fold(self.generator), "encoder": fold(self.encoder)}

    def _reinitialize_cr_discriminator(self, event, nth):
        rng = stream(self.config.run, f"weights of cr_discriminator at {event}", nth)
        initialize(self.cr_discriminator, rng, keep_u=True)
        for variable in self.optimizers["cr_discriminator"].variables:
            if not variable.path.endswith("learning_rate"):
                variable.assign(np.zeros(variable.shape))


def _mean_log(probability):
    return ops.mean(ops.log(probability + EPS))
