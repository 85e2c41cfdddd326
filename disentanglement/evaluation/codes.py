"""Save the codes of any encoder in one file, for `disentanglement-score`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from disentanglement.data.dataset import ImageSource
from disentanglement.errors import UserError
from disentanglement.evaluation.encoding import Encoder, encode_images
from disentanglement.evaluation.evaluate import describe, draw_images, metric_stream
from disentanglement.files import atomic_path, keep_old

ABOUT = "about"  # the array with the description, as JSON


def save_codes(
    path: Path | str,
    encode: Encoder,
    dataset: ImageSource,
    seed: int = 0,
    *,
    model: Mapping[str, Any] | None = None,
) -> None:
    """Choose a data set's images by the paper's protocol, and save their codes and factors.

    `disentanglement-score` takes the file; its scores are those of `evaluate`. Factors that never
    vary are left out. If there is a file already, it is renamed.

    Args:
        path: The npz file to write.
        encode: Returns the codes [n, K] of images [n, H, W, C], n up to 4096.
        dataset: E.g. `DSprites`, `Teapots`, or your own images as `LabelledImages`; see
            `evaluate.draw_images`.
        seed: Seeds the choice of images; 0 or more.
        model: Describes the model, any JSON object; see `evaluate`. Tables show its `name`, which
            is the file's name by default.

    Raises:
        UserError: The codes cannot be used, or the data set cannot be scored.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise UserError(f"{path}: the name must end in .npz")
    if seed < 0:
        raise UserError(f"seed {seed}: must be 0 or more")
    images = draw_images(dataset, metric_stream(seed))
    about = {"seed": seed, "protocol": describe(dataset, images), "model": dict(model or {})}
    try:
        text = json.dumps(about)
    except (TypeError, ValueError) as error:
        raise UserError(f"the description of the model must be JSON values: {error}") from error
    arrays: dict[str, Any] = {**encode_images(encode, dataset, images), ABOUT: np.array(text)}
    if path.exists():
        keep_old(path)
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def read_about(array: np.ndarray) -> dict[str, Any]:
    """Return the `seed`, `protocol` and `model` that `save_codes` has put into a file.

    Returns:
        {} if the array is something else.
    """
    try:
        about = json.loads(str(array))
        return {
            "seed": int(about["seed"]),
            "protocol": dict(about["protocol"]),
            "model": dict(about["model"]),
        }
    except (ValueError, KeyError, TypeError):
        return {}
