"""InfoGAN-CR: losses and one training iteration (Lin et al., arXiv 1906.06034).

A generator G makes images from codes c and noise; a discriminator D judges them and, through its
head Q, infers the codes; a contrastive discriminator H tells which code two images share.
Read `iteration` first: it is the whole algorithm, in the order of the updates.
"""

import functools
import math

import keras
import numpy as np
from keras import ops

from disentanglement import engine
from disentanglement.config import InfoGANCRConfig
from disentanglement.export import fold
from disentanglement.latent import JointLatent, Pair, UniformLatent
from disentanglement.layers import initialize, update_spectral_vectors
from disentanglement.schedule import Schedule
from disentanglement.streams import stream

EPS = 1e-8


class InfoGANCR:
    """The networks, their optimisers, and how a batch changes them.

    generator: latents [N, dim] -> images; discriminator: images -> [probability of being real
    [N, 1], code means [N, codes]]; cr_discriminator: two images in depth -> logits [N, codes].
    The networks' weights are drawn here, from config.run.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        cr_discriminator: keras.Model,
        config: InfoGANCRConfig,
    ):
        self.config = config
        self.generator, self.discriminator = generator, discriminator
        self.cr_discriminator = cr_discriminator
        codes = config.uniform_reg_dim
        self.latent = JointLatent(
            UniformLatent(1), codes, UniformLatent(config.uniform_not_reg_dim)
        )
        self.schedule = Schedule.of(config)
        self.encoder = keras.Model(discriminator.input, discriminator.outputs[1], name="encoder")
        self.networks = {
            "generator": generator,
            "discriminator": discriminator,
            "cr_discriminator": cr_discriminator,
        }
        self.optimizers = {
            "generator": _adam(config.de_lr, generator),
            "discriminator": _adam(config.infod_lr, discriminator),
            "cr_discriminator": _adam(config.crd_lr, cr_discriminator),
        }
        for name, network in self.networks.items():
            initialize(network, stream(config.run, f"weights of {name}"))
        self.generate = engine.compile_inference(generator)
        self.encode = engine.compile_inference(self.encoder)

    # ---- one iteration -------------------------------------------------------------------------

    def iteration(self, images, z, pair: Pair | None, cr_coe, contrast: bool) -> dict:
        """The updates of one batch: H, D with Q, G twice on the same latents, then every u.

        images [N, H, W, C]; z [N, dim]; pair: None leaves H out; cr_coe: weight of the contrastive
        term; contrast: whether cr_coe > 0, which puts G's batch norm in training mode for the pair.
        Returns each loss part before its update (of G: before its second).
        """
        report = {}
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
        # Made outside the loss: G is a constant here, and only its averages move.
        first = self.generator(pair.first, training=contrast)
        second = self.generator(pair.second, training=contrast)

        def loss():
            value, accuracy = self._contrastive_loss(first, second, pair.label)
            return value, {"cr_discriminator/loss": value, "cr_discriminator/accuracy": accuracy}

        return self._minimize(loss, "cr_discriminator")

    def _update_discriminator(self, images, z):
        fake = self.generator(z, training=True)

        def loss():
            # Neither D nor Q holds batch norm: both halves in one pass give what two would.
            real, codes = self.discriminator(ops.concatenate([images, fake]), training=True)
            real, fake_real = ops.split(real, 2)
            log_q, squared_error = self._log_q(ops.split(codes, 2)[1], z)
            parts = {
                "discriminator/real": -_mean_log(real),
                "discriminator/fake": -_mean_log(1 - fake_real),
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
        """Mean over the batch, per code: log q(c | x), of unit variance, and the squared error."""
        squared_error = ops.mean(ops.square(mean - z[:, : self.latent.num_codes]), axis=0)
        return -squared_error / 2 - math.log(2 * math.pi) / 2, squared_error

    def _minimize(self, loss, name):
        variables = self.networks[name].trainable_variables
        return engine.minimize(loss, self.optimizers[name], variables)

    # ---- what the training loop calls ----------------------------------------------------------

    def snapshot_before(self, global_id: int) -> bool:
        """Whether the model as it is before batch global_id is to be kept.

        True at the first rise of cr_coe: the paper's baseline, "InfoGAN (modified)".
        """
        return self.schedule.rises(global_id) == 1

    def name_after(self, batches: int) -> str:
        """What the paper calls the model after so many batches."""
        contrast = batches > 0 and self.schedule.cr_coe(batches - 1) > EPS
        return "InfoGAN-CR" if contrast else "InfoGAN (modified)"

    def start_batch(self, global_id: int) -> None:
        """Make the changes that the schedule plans for the start of batch global_id."""
        if nth := self.schedule.falls(global_id):
            self._reinitialize_cr_discriminator("fall", nth)
        if nth := self.schedule.rises(global_id):
            self._reinitialize_cr_discriminator("rise", nth)

    def changes_before(self, global_id: int) -> bool:
        """Whether `start_batch` or `snapshot_before` has anything to do there."""
        return bool(self.schedule.rises(global_id) or self.schedule.falls(global_id))

    def connect(self, feed) -> None:
        """Choose where `train_block` takes its images from (a `feed.Feed`)."""
        self._feed = feed
        self._compiled.cache_clear()
        self._compiled_stack.cache_clear()

    def train_block(self, rows: np.ndarray, first: int) -> dict[str, np.ndarray]:
        """The iterations first .. first + n - 1 on the images numbered rows [n, batch_size].

        Nothing may change before any of them but the first (`changes_before`). Returns the
        reports as NumPy values, each with an axis [n] before its own.
        """
        report = self._compiled(self._contrast(first))(*self._arrays(rows, first))
        return report | self._schedule_report(first, len(rows))

    @staticmethod
    def train_stack(models: list["InfoGANCR"], rows: list, first: int) -> list[dict]:
        """`train_block` of several models at once: configs that differ in `run` only. JAX."""
        lead = models[0]
        compiled = lead._compiled_stack(tuple(models), lead._contrast(first))
        arrays = zip(*(m._arrays(r, first) for m, r in zip(models, rows, strict=True)), strict=True)
        report = compiled(*map(np.stack, arrays))
        extra = lead._schedule_report(first, len(rows[0]))
        return [{k: v[i] for k, v in report.items()} | extra for i in range(len(models))]

    def _contrast(self, global_id):
        return self.schedule.cr_coe(global_id) > EPS

    def _schedule_report(self, first, n):
        values = {"cr_coe": self.schedule.cr_coe(first), "gap": self.schedule.gap(first)}
        return {name: np.full(n, value, np.float32) for name, value in values.items()}

    def _arrays(self, rows, first):
        """What the compiled iterations take: images, latents and, where H runs, pairs."""
        (n, size), seed, latent = rows.shape, self.config.run, self.latent
        ids = range(first, first + n)
        z = [latent.sample(stream(seed, "latents", g), size) for g in ids]
        arrays = [self._feed.inputs(rows), np.stack(z)]
        if not (self.config.skip_idle_crd and self.schedule.is_idle(first)):
            gap, cr_coe = self.schedule.gap(first), self.schedule.cr_coe(first)
            pairs = [latent.sample_pair(stream(seed, "pair", g), size, gap) for g in ids]
            arrays += [
                np.stack([getattr(p, part) for p in pairs]) for part in ("first", "second", "label")
            ]
            arrays += [np.full(n, cr_coe, np.float32)]
        return arrays

    def exports(self) -> dict[str, keras.Model]:
        """Generator and encoder as plain Keras models, for use without this package."""
        return {"generator": fold(self.generator), "encoder": fold(self.encoder)}

    @functools.cache  # noqa: B019  (one model lives as long as its process)
    def _compiled(self, contrast):
        step = self._step(contrast)
        return engine.compile_block(step, self.variables, self._feed.constants)

    @functools.cache  # noqa: B019
    def _compiled_stack(self, models, contrast):
        variables = [model.variables for model in models]
        return engine.compile_stack(self._step(contrast), variables, self._feed.constants)

    def _step(self, contrast):
        constants = len(self._feed.constants)

        def step(*inputs):
            images = self._feed.images(*inputs[: constants + 1])
            z, *pair = inputs[constants + 1 :]
            if not pair:
                return self.iteration(images, z, None, None, contrast)
            *pair, cr_coe = pair
            return self.iteration(images, z, Pair(*pair), cr_coe, contrast)

        return step

    @property
    def variables(self) -> list:
        """All state: weights, averages, u vectors and the optimisers' moments."""
        owners = [*self.networks.values(), *self.optimizers.values()]
        return [variable for owner in owners for variable in owner.variables]

    def _reinitialize_cr_discriminator(self, event, nth):
        rng = stream(self.config.run, f"weights of cr_discriminator at {event}", nth)
        initialize(self.cr_discriminator, rng, keep_u=True)
        for variable in self.optimizers["cr_discriminator"].variables:
            if not variable.path.endswith("learning_rate"):
                variable.assign(np.zeros(variable.shape))


def _mean_log(probability):
    return ops.mean(ops.log(probability + EPS))


def _adam(learning_rate, network):
    optimizer = keras.optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)
    optimizer.build(network.trainable_variables)
    return optimizer
