"""The sample grids of a run: latent traversals, random samples, reconstructions."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from disentanglement import sheet
from disentanglement.algorithms.model import Model
from disentanglement.data.dataset import Dataset, name_of
from disentanglement.files import atomic_path
from disentanglement.streams import stream
from disentanglement.training import overlays, visualize
from disentanglement.training.callbacks import Callback, is_due
from disentanglement.training.position import Position


class SampleGrids(Callback):
    """Draw latent traversals and random samples, and encode the samples again.

    In `folder`, names start with the position, or have it after the first word:

    * `,latent-<j>.png`: a traversal of latent j; each row has its own base vector, the same in all
      these pictures.
    * `,latent-all.png`: samples of random latents.
    * `,latent-recovered.npz`: these latents [N, D], their samples [N, H, W, C] and the codes [N, K]
      that the encoder infers from the samples.
    * `shade_...,latent-<j>.png`, with `vis_shade`: each column of that traversal in one image.
    * `center_...,latent-all.png`, with `vis_center`: the centres of mass of the samples.
    * `,reconstructed.png`, of a model that reconstructs: rows of images of the data set, each above
      a row of their reconstructions.

    The images of a picture are scaled together, from their minimum and maximum to 0..255.
    """

    def __init__(self, model: Model, dataset: Dataset, folder: Path):
        self.model, self.folder, self.config = model, folder, model.config
        self.data = name_of(dataset)
        columns, rows = self.config.vis_num_sample, self.config.vis_num_rep
        rng = stream(self.config.run, "sample grids")
        base = model.latent.sample(rng, rows)
        self.random = model.latent.sample(rng, rows * columns)
        self.traversals = [
            model.latent.traverse(base, j, columns) for j in range(len(model.latent.names))
        ]
        rng = stream(self.config.run, "reconstructed images")
        self.originals = dataset.images(rng.integers(len(dataset), size=rows * columns))

    def acts_after(self, position: Position) -> bool:
        return is_due(self.config.vis_freq, position)

    def batch_end(self, position: Position, report: dict[str, np.ndarray]) -> None:
        if self.acts_after(position):
            self._draw(position)

    def epoch_report(self, position: Position) -> None:
        self._draw(position)

    def snapshot(self, position: Position) -> None:
        self._draw(position)

    def _draw(self, position: Position) -> None:
        latents = [self.random, *self.traversals]
        samples, *traversals = np.split(self.model.generate(np.concatenate(latents)), len(latents))
        codes = self.model.encode(samples)
        with atomic_path(self.folder / f"{position.prefix},latent-recovered.npz") as temporary:
            np.savez_compressed(temporary, latents=self.random, samples=samples, codes=codes)
        self._save_samples(samples, position)
        for j, images in enumerate(traversals):
            self._save_traversal(images, position, j)
        reconstructed = self.model.reconstruct(self.originals)
        if reconstructed is not None:
            self._save_reconstructed(reconstructed, position)

    def _save_samples(self, images: np.ndarray, position: Position) -> None:
        latents = "codes and noise" if self.model.latent.noise.dim else "codes"
        rows = [sheet.Row(tiles) for tiles in self._tiles(images)]
        self._save(rows, position, "latent-all", f"samples of random {latents}")
        if self.config.vis_center:
            rows = [sheet.Row(overlays.centers(images)[None])]
            self._save(rows, position, "latent-all", "centres of the samples", "center_")

    def _save_traversal(self, images: np.ndarray, position: Position, j: int) -> None:
        latent = self.model.latent
        name, values = latent.names[j], latent.values(j, self.config.vis_num_sample)
        rows = [sheet.Row(tiles, f"vector {r}") for r, tiles in enumerate(self._tiles(images))]
        headings = [sheet.number(value) for value in values]
        rows[0] = dataclasses.replace(rows[0], headings=headings, axis=f"{name} =")
        whole = j == latent.num_codes
        about = "traversal of the noise, all coordinates alike" if whole else f"traversal of {name}"
        self._save(rows, position, f"latent-{j}", about)
        if self.config.vis_shade:
            by_value = images.reshape(len(values), -1, *images.shape[1:])
            rows = [sheet.Row(overlays.shaded(by_value))]
            self._save(rows, position, f"latent-{j}", f"{about}, overlaid", "shade_")

    def _save_reconstructed(self, images: np.ndarray, position: Position) -> None:
        both = np.stack([self.originals, images], axis=1)  # [N, 2, H, W, C]
        rows = [
            sheet.Row(tiles, "reconstruction" if r % 2 else "original", apart=r % 2 == 0)
            for r, tiles in enumerate(self._tiles(both.reshape(-1, *images.shape[1:])))
        ]
        about = "images of the data set above their reconstructions"
        self._save(rows, position, "reconstructed", about)

    def _tiles(self, images: np.ndarray) -> np.ndarray:
        """Return images, column by column, as rows of tiles [rows, columns, H, W, C], uint8."""
        tiles = visualize.to_bytes(1 - images if self.config.output_reverse else images)
        return tiles.reshape(self.config.vis_num_sample, -1, *images.shape[1:]).swapaxes(0, 1)

    def _save(
        self,
        rows: Sequence[sheet.Row],
        position: Position,
        name: str,
        about: str,
        kind: str = "",
    ) -> None:
        title = [visualize.title_of(self.model, position.global_id + 1, self.data), about]
        path = self.folder / f"{kind}{position.prefix},{name}.png"
        sheet.save(path, sheet.draw(title, rows), title)
