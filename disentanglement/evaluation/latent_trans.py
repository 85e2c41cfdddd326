"""Draw latent traversals of a trained run, in the file layout of the paper's CelebA code."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from disentanglement.errors import UserError
from disentanglement.evaluation import animation, final_metrics
from disentanglement.files import fingerprint, write_text
from disentanglement.streams import stream
from disentanglement.training import activity, checkpoint, visualize

if TYPE_CHECKING:  # imports Keras
    from disentanglement.algorithms.model import Model

log = logging.getLogger(__name__)

FOLDER, ABOUT, OVERVIEW = "latent_trans", "about.json", "overview.png"
VALUES, REPEATS = 15, 100
_SPACE = 2  # white pixel columns between two images
_SIDE = 5  # an animation shows 5x5 of the repeats


def is_done(run_folder: Path) -> bool:
    """Return whether all pictures of the run's last checkpoint exist."""
    try:
        about = json.loads((run_folder / FOLDER / ABOUT).read_text())
        return about["checkpoint"] == fingerprint(run_folder / "checkpoint" / checkpoint.FILE)
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return False  # unfinished, or not ours: draw it again


def draw_run(model: "Model", run_folder: Path) -> None:
    """Draw latent traversals of a finished run's last checkpoint into its latent_trans/ folder.

    latent<J>/sample<R>.png shows 15 images side by side, in which latent J (the last: the noise)
    rises from its minimum to its maximum, for random vector R of 100. latent<J>.webp animates
    the first 25 of these. overview.png has a row for each latent, for vector 0.

    Args:
        model: Built from the run's config; its weights are replaced.
        run_folder: The run's folder.

    Raises:
        UserError: The run has not finished, or was trained with another config.
    """
    final_metrics.check_trained(run_folder)
    path = run_folder / "checkpoint" / checkpoint.FILE
    with activity.claim(run_folder, activity.DRAWING):
        meta = final_metrics.restore(path, model)
        folder = run_folder / FOLDER
        (folder / ABOUT).unlink(missing_ok=True)
        base, batches = _vectors(model), meta["next_batch"]
        data = meta.get("data", {}).get("dataset")  # checkpoints of old versions lack it
        title = visualize.title_of(model, batches, data)
        for j, name in enumerate(model.latent.names):
            images = _traverse(model, base, j)
            for r, row in enumerate(images):
                visualize.save_picture(folder / f"latent{j}" / f"sample{r}.png", side_by_side(row))
            animation.save_webp(
                folder / f"latent{j}.webp",
                images[: _SIDE**2],
                name,
                model.latent.values(j, VALUES),
                title,
            )
            log.info("latent %d (%s): %d pictures", j, name, len(images))
        draw_overview(folder / OVERVIEW, model, batches, data)
        about = {"checkpoint": fingerprint(path), "batches": batches}
        write_text(folder / ABOUT, json.dumps(about) + "\n")


def draw_overview(path: Path, model: "Model", batches: int, data: str | None) -> None:
    """Draw a traversal of every code and of the noise, all from the same random vector.

    Args:
        path: The PNG file.
        model: The model.
        batches: How many batches it has been trained for.
        data: The class name of its data set, if known.
    """
    first, names = _vectors(model)[:1], model.latent.names
    title = visualize.title_of(model, batches, data)
    visualize.save_traversal(
        path,
        [_traverse(model, first, j)[0] for j in range(len(names))],
        names,
        model.latent.code.sweep(VALUES),
        title,
        axis="value of the code, or of all coordinates of the noise",
        metadata={"Description": title},
    )


def side_by_side(images: np.ndarray) -> np.ndarray:
    """Return one picture of images [n, H, W, C], with white columns between them.

    Returns:
        [H, n W + 2 (n - 1), C], uint8; the images' minimum becomes 0, their maximum 255.
    """
    n, height, width, channels = images.shape
    picture = np.full((height, n, width + _SPACE, channels), 255, np.uint8)
    picture[:, :, :width] = visualize.to_bytes(images).swapaxes(0, 1)
    return picture.reshape(height, -1, channels)[:, :-_SPACE]


def _vectors(model: "Model") -> np.ndarray:
    """Return the random vectors in which one latent at a time is changed, [REPEATS, dim]."""
    return model.latent.sample(stream(model.config.run, "latent traversals"), REPEATS)


def _traverse(model: "Model", base: np.ndarray, j: int) -> np.ndarray:
    """Return images [repeats, values, H, W, C] in which latent j of the vectors `base` moves."""
    latents = model.latent.traverse(base, j, VALUES)
    images = np.concatenate([model.generate(part) for part in np.array_split(latents, VALUES)])
    images = images.reshape(VALUES, len(base), *images.shape[1:]).swapaxes(0, 1)
    return 1 - images if model.config.output_reverse else images
