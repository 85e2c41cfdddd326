"""A run small enough for tests: the real networks and training loop on 64 drawn images.

As a script, it trains in its own process, so that tests can kill it:
    python -m tests.tiny WORK_DIR [KEY=VALUE ...]
"""

import io
import itertools
import logging
import os
import signal
import sys
import types
from pathlib import Path

import numpy as np

from disentanglement.config import InfoGANCRConfig, from_text
from disentanglement.errors import TrainingStopped, UserError
from disentanglement.evaluation.evaluate import TrainingScores
from disentanglement.metrics.suite import METRICS as ALL_METRICS
from disentanglement.training import checkpoint, loop
from tests.experiments import load

METRICS = {name: ALL_METRICS[name] for name in ("factor_vae", "dhsic")}

CONFIG = {
    "run": 3,
    "epoch": 3,
    "batch_size": 4,
    "vis_freq": 5,
    "vis_num_sample": 3,
    "vis_num_rep": 2,
    "metric_freq": 4,
    "summary_freq": 1,
    "output_reverse": False,
    "info_coe_de": 0.05,
    "info_coe_infod": 0.05,
    "de_lr": 0.001,
    "infod_lr": 0.002,
    "crd_lr": 0.002,
    "cr_coe_start": 0.0,
    "cr_coe_increase": 2.0,
    "cr_coe_increase_times": 1,
    "cr_coe_increase_batch": 12,
    "gap_start": 1.0,
    "gap_decrease": 0.5,
    "gap_decrease_times": 1,
    "gap_decrease_batch": 17,
    "uniform_reg_dim": 3,
    "uniform_not_reg_dim": 2,
    "q_l_dim": 8,
    "checkpoint_freq": 3,
    "metric_untrained": True,
}


class Bars:
    """64 images: a bar of one of 8 heights at one of 8 positions."""

    factor_names = ("height", "position")
    factor_sizes = (8, 8)
    factor_values = (np.arange(8.0), np.arange(8.0))
    continuous = (True, True)
    image_shape = (64, 64, 1)

    def __len__(self):
        return 64

    def images(self, indices):
        images = np.zeros((len(indices), 64, 64, 1), np.float32)
        for image, index in zip(images, indices, strict=True):
            height, position = divmod(int(index), 8)
            image[32 - 4 * height : 33 + 4 * height, 8 * position : 8 * position + 6] = 1
        return images

    @property
    def packed(self):
        return self.images(np.arange(64)).astype(np.uint8)

    def unpack(self, rows):
        import keras  # here, so that the engine is imported before Keras

        return keras.ops.cast(rows, "float32")

    def index(self, factors):
        return np.ravel_multi_index(tuple(factors.T), self.factor_sizes)


def build(**changes):
    """Build the model of the tiny run."""
    return load("InfoGAN-CR_dSprites").build(InfoGANCRConfig(**(CONFIG | changes)))


def train(work_dir, dataset=None, **changes):
    """Train the tiny run, 3 epochs of 16 batches, and return the model."""
    model = build(**changes)
    dataset = dataset or Bars()
    loop.train(model, dataset, Path(work_dir), TrainingScores(model, dataset, METRICS))
    return model


def kill_inside_checkpoint(at: str, nth: int) -> None:
    """Make this process kill itself (SIGKILL) inside its nth checkpoint.

    Args:
        at: "writing" (half of the file is written), "flushed" (all of it, but it is not renamed
            yet) or "renamed".
        nth: The checkpoint, counted from 1.
    """
    saves = itertools.count(1)
    real_save, real_replace = checkpoint.save, os.replace

    def write_half(path, **arrays):
        whole = io.BytesIO()
        np.savez(whole, **arrays)
        Path(path).write_bytes(whole.getvalue()[: whole.tell() // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    def replace(source, target):
        if at == "renamed":
            real_replace(source, target)
        os.kill(os.getpid(), signal.SIGKILL)

    def save(path, model, meta):
        if next(saves) != nth:
            return real_save(path, model, meta)
        if at == "writing":
            checkpoint.np = types.SimpleNamespace(**vars(np) | {"savez": write_half})
        else:
            os.replace = replace
        return real_save(path, model, meta)

    checkpoint.save = save


if __name__ == "__main__":
    if "KILL_AT" in os.environ:
        kill_inside_checkpoint(os.environ["KILL_AT"], int(os.environ["KILL_SAVE"]))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    pairs = (text.split("=", 1) for text in sys.argv[2:])
    try:
        train(sys.argv[1], **{key: from_text(InfoGANCRConfig, key, value) for key, value in pairs})
    except UserError as error:
        sys.exit(f"error: {error}")
    except TrainingStopped as stop:
        print(stop)
        sys.exit(130)
