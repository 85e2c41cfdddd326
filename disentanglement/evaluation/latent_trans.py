"""Pictures of what each latent of a trained run does, in the layout of the paper's CelebA code."""

import json
import logging
from pathlib import Path

import numpy as np
from PIL import Image

from disentanglement.errors import UserError
from disentanglement.evaluation import final_metrics
from disentanglement.files import atomic_path, fingerprint, locked, write_text
from disentanglement.streams import stream
from disentanglement.training import checkpoint, visualize

log = logging.getLogger(__name__)

FOLDER, ABOUT = "latent_trans", "about.json"
VALUES, REPEATS = 15, 100
_SPACE = 2  # white columns between two images
_SIDE = 5  # an animation shows 5x5 of the repeats
_MILLISECONDS = 90  # a frame


def is_done(run_folder: Path) -> bool:
    """Whether the pictures of the run's last checkpoint are all there."""
    try:
        about = json.loads((run_folder / FOLDER / ABOUT).read_text())
        return about["checkpoint"] == fingerprint(run_folder / "checkpoint" / checkpoint.FILE)
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return False  # never finished, or not ours: drawn again


def draw_run(model, run_folder: Path) -> None:
    """Draw the last checkpoint of a finished run into latent_trans/ of its folder.

    latent<J>/sample<R>.png: 15 images side by side in which latent J (the last one: the noise)
    goes from its least to its greatest value, for each of 100 random vectors R; latent<J>.webp: the
    same for 25 of them, moving; overview.png: a row per latent, for one vector.
    """
    final_metrics.check_trained(run_folder)
    path = run_folder / "checkpoint" / checkpoint.FILE
    with locked(run_folder):
        meta = final_metrics.restore(path, model)
        folder = run_folder / FOLDER
        (folder / ABOUT).unlink(missing_ok=True)
        base = model.latent.sample(stream(model.config.run, "latent traversals"), REPEATS)
        rows = []
        for j, name in enumerate(model.latent.names):
            images = _traverse(model, base, j)
            for r, row in enumerate(images):
                visualize.save_picture(folder / f"latent{j}" / f"sample{r}.png", side_by_side(row))
            save_animation(folder / f"latent{j}.webp", images[: _SIDE**2])
            rows.append(images[0])
            log.info("latent %d (%s): %d pictures", j, name, len(images))
        values = model.latent.code.sweep(VALUES)
        visualize.save_traversal(folder / "overview.png", rows, model.latent.names, values)
        about = {"checkpoint": fingerprint(path), "batches": meta["next_batch"]}
        write_text(folder / ABOUT, json.dumps(about) + "\n")


def side_by_side(images: np.ndarray) -> np.ndarray:
    """One picture [H, n W + 2 (n - 1), C], uint8, of images [n, H, W, C], white columns between.

    Scaled from the images' least and greatest value, taken together, to 0..255.
    """
    n, height, width, channels = images.shape
    scaled = visualize.grid(images, 1, n).reshape(height, n, width, channels)
    picture = np.full((height, n, width + _SPACE, channels), 255, np.uint8)
    picture[:, :, :width] = scaled
    return picture.reshape(height, -1, channels)[:, :-_SPACE]


def save_animation(path: Path, images: np.ndarray) -> None:
    """Write images [25, frames, H, W, C] as an animated WebP: a 5x5 grid, there and back."""
    grids = visualize.grid(
        images.transpose(1, 0, 2, 3, 4).reshape(-1, *images.shape[2:]), _SIDE**2, images.shape[1]
    )
    height, width, channels = images.shape[2:]
    tiles = grids.reshape(_SIDE, _SIDE, height, images.shape[1], width, channels)
    frames = tiles.transpose(3, 0, 2, 1, 4, 5)
    frames = frames.reshape(len(frames), _SIDE * height, _SIDE * width, channels)
    frames = [
        Image.fromarray(f[..., 0] if channels == 1 else f) for f in (*frames, *frames[-2:0:-1])
    ]
    with atomic_path(path) as temporary:
        frames[0].save(
            temporary,
            save_all=True,
            append_images=frames[1:],
            duration=_MILLISECONDS,
            loop=0,
            lossless=True,
        )


def _traverse(model, base, j):
    """Images [repeats, values, H, W, C] in which latent j moves."""
    latents = model.latent.traverse(base, j, VALUES)
    images = np.concatenate([model.generate(part) for part in np.array_split(latents, VALUES)])
    images = images.reshape(VALUES, len(base), *images.shape[1:]).swapaxes(0, 1)
    return 1 - images if model.config.output_reverse else images
