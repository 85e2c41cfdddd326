"""The classifier of dSprites' shapes behind the sample quality scores (metrics/sample_quality.py).

`gan/train_DSpritesInceptionScore.py` of the dSprites experiments trains it.
"""

import functools
import json
import logging
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers
from tqdm import tqdm

from disentanglement import engine, records
from disentanglement.console import check_suffix, progress_bar
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import keep_old, write_text
from disentanglement.networks.export import fold, save_keras
from disentanglement.networks.layers import LeakyReLU, batch_norm, initialize
from disentanglement.streams import stream

if TYPE_CHECKING:
    from disentanglement.data.dsprites.dataset import DSprites

log = logging.getLogger(__name__)

SHAPES = 3
_SHAPE = 1  # the index of the shape among dSprites' factors
_BATCH_SIZE = 64
_CHECK_EVERY = 10  # accuracy is measured on every tenth image
_CHUNK = 4096  # images in memory at once
_SETTLING = 100  # batches that pass through the trained network, see `settle`


def network() -> keras.Model:
    """Build the classifier: images [N, 64, 64, 1] -> logits [N, 3], untrained.

    Batch norm follows the activation.
    """
    x = image = layers.Input((64, 64, 1), name="image")
    for i, filters in enumerate((32, 32, 64, 64), start=1):
        x = layers.Conv2D(filters, 4, strides=2, padding="same", name=f"conv{i}")(x)
        x = batch_norm(f"conv{i}_norm")(LeakyReLU()(x))
    x = layers.Dense(128, name="dense1")(layers.Flatten()(x))
    x = batch_norm("dense1_norm")(LeakyReLU()(x))
    return keras.Model(image, layers.Dense(SHAPES, name="logits")(x), name="shape_classifier")


def train(
    dataset: "DSprites", path: Path, epochs: int = 5, num_images: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Train the classifier and save it, with the settings of the paper's code.

    Interrupted training resumes after the last finished epoch.

    Args:
        dataset: dSprites.
        path: The file to write (.keras). A record with the accuracy (.json) is put beside it.
        epochs: Passes over the images.
        num_images: Train on this many images drawn at random; None for all.
        seed: Seeds the weights, the choice of images and their order.

    Returns:
        The record.

    Raises:
        UserError: num_images is less than a batch, or the file cannot be written.
    """
    start = time.monotonic()
    chosen = stream(seed, "classifier images").permutation(len(dataset))[:num_images]
    if len(chosen) < _BATCH_SIZE:
        raise UserError(f"--images {len(chosen)} is less than a batch of {_BATCH_SIZE}")
    check_suffix("--out", path, ".keras")
    model = network()
    initialize(model, stream(seed, "weights of shape_classifier"))
    model.compile(
        keras.optimizers.Adam(0.01, beta_1=0.9, epsilon=1e-8),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA makes it slower on a CPU
    )
    recipe = {"epochs": epochs, "images": len(chosen), "batch_size": _BATCH_SIZE, "seed": seed}
    backup = path.with_name(f".{path.stem}.backup-{epochs}-{len(chosen)}-{seed}")
    with os_errors_in_one_line(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        batches = _Batches(dataset, chosen, seed)
        terminal = sys.stdout.isatty()
        model.fit(
            batches,
            epochs=epochs,
            shuffle=False,  # _Batches has its own order
            verbose=1 if terminal else 2,
            callbacks=[
                # Keras passes the number of the epoch: resumed training does not start at 0.
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=lambda epoch, _: batches.start(epoch)
                ),
                keras.callbacks.BackupAndRestore(backup, delete_checkpoint=False),
                *([] if terminal else [_Progress(len(batches), epochs)]),
            ],
        )
    batches.start(epochs)
    settle(model, batches)
    record = {
        "recipe": recipe,
        "accuracy": _accuracy(model, dataset),
        "seconds": round(time.monotonic() - start, 1),
        **records.environment(engine.devices()),
    }
    if path.exists():
        log.info("kept the earlier classifier as %s", keep_old(path))
    save_keras(fold(model), path)
    write_text(path.with_suffix(".json"), json.dumps(record, indent=2) + "\n")
    shutil.rmtree(backup, ignore_errors=True)
    return record


def settle(model: keras.Model, batches: "_Batches") -> None:
    """Bring batch norm's moving averages up to date with the final weights.

    They follow the last ten batches or so, in which the weights move far at this learning rate: a
    classifier that was right about 99.8 % of its training batches got 36 % of all images right with
    the averages as training left them, and 99.9 % with these.
    """
    for batch in range(min(_SETTLING, len(batches))):
        images, _ = batches[batch]
        model(images, training=True)


def classify(path: Path, generate: Callable, latents: np.ndarray) -> np.ndarray:
    """Return p(shape | image) [N, 3] of the images that `generate` makes of latents [N, D]."""
    probabilities = load(path)
    chunks = np.array_split(latents, -(-len(latents) // _CHUNK))
    return np.concatenate([probabilities(generate(chunk)) for chunk in chunks])


@functools.cache
def load(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from images [N, 64, 64, 1] in [0, 1] to p(shape | image) [N, 3].

    Raises:
        UserError: The file is missing or not a shape classifier.
    """
    if not path.exists():
        raise UserError(
            f"{path}: no shape classifier: run gan/train_DSpritesInceptionScore.py to train it"
        )
    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: cannot be loaded ({error}): remove it and train again") from error
    if model.output_shape != (None, SHAPES):
        raise UserError(
            f"{path}: is not a classifier of {SHAPES} shapes: move it away and train again"
        )
    return engine.compile_inference(keras.Sequential([model, layers.Softmax()]))


def _accuracy(model: keras.Model, dataset: "DSprites") -> float:
    logits = engine.compile_inference(model)
    rows = np.arange(0, len(dataset), _CHECK_EVERY)
    hits = [
        logits(dataset.images(part)).argmax(axis=1) == dataset.factors(part)[:, _SHAPE]
        for part in np.array_split(rows, -(-len(rows) // _CHUNK))
    ]
    return float(np.concatenate(hits).mean())


class _Progress(keras.callbacks.Callback):
    """Writes a line a minute; Keras itself writes one an epoch, which can take ten minutes."""

    bar: tqdm

    def __init__(self, batches: int, epochs: int):
        super().__init__()
        self.batches, self.epochs = batches, epochs

    def on_epoch_begin(self, epoch, logs=None):
        name = f"epoch {epoch + 1}/{self.epochs}"
        self.bar = progress_bar(self.batches, "batches", name, passing=True)

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self.bar.close()


class _Batches(keras.utils.PyDataset):
    """Full batches of the chosen images, in an order that depends only on seed and epoch."""

    def __init__(self, dataset: "DSprites", chosen: np.ndarray, seed: int):
        super().__init__()
        self.dataset, self.chosen, self.seed = dataset, chosen, seed
        self.start(0)

    def start(self, epoch):
        rng = stream(self.seed, "classifier order", epoch)
        self.order = self.chosen[rng.permutation(len(self.chosen))]

    def __len__(self):
        return len(self.chosen) // _BATCH_SIZE

    def __getitem__(self, batch):
        rows = self.order[batch * _BATCH_SIZE :][:_BATCH_SIZE]
        return self.dataset.images(rows), self.dataset.factors(rows)[:, _SHAPE]
