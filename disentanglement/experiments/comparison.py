"""python -m disentanglement.compare: what several models' codes do to the same image."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from disentanglement import console, records, sheet
from disentanglement.data.dataset import Dataset, FactorGrid, name_of
from disentanglement.data.factors import varying
from disentanglement.data.labels import label_of
from disentanglement.errors import UserError
from disentanglement.evaluation import paper
from disentanglement.evaluation.captured import best_factors
from disentanglement.evaluation.score_records import dataset_name
from disentanglement.experiments import pretrained
from disentanglement.experiments.pretrained import Pretrained
from disentanglement.streams import stream
from disentanglement.training import visualize

_CODES, _VALUES = 5, 5  # strips of a row, images of a strip
_WHITE, _GREY = 255, 140


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.compare",
        description="Draw a row for each model: traversals of its most informative codes, all from "
        "the same image of the data set.",
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="a name that `python -m disentanglement.pretrained` lists, or a published run's "
        "folder (default: all final models on dSprites in the folder of results)",
    )
    parser.add_argument("--out", type=Path, default=Path("comparison.png"), metavar="OUT.png")
    parser.add_argument("--force", action="store_true", help="replace the picture if it exists")
    parser.add_argument(
        "--image", type=int, metavar="N", help="the image's number (default: one off the centre)"
    )
    parser.add_argument(
        "--codes",
        type=console.at_least(1),
        default=_CODES,
        metavar="N",
        help="codes of each model, those that tell most of a factor first (default: %(default)s)",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=pretrained.RESULTS,
        metavar="DIR",
        help="the folder of published models (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _main(options), stopped="stopped; no picture was drawn")


def _main(options: argparse.Namespace) -> int:
    console.check_suffix("--out", options.out, ".png")
    console.check_new(options.out, options.force)
    names = options.models or _all(options.results)
    models = [pretrained.load(name, results=options.results) for name in names]
    for model in models:
        _check(model, models[0])
    dataset = models[0].experiment.load(models[0].model.config)
    number = _usual(dataset) if options.image is None else options.image
    if not 0 <= number < len(dataset):
        raise UserError(f"--image {number}: the data set has images 0 to {len(dataset) - 1}")
    title, rows = compare(models, dataset, number, options.codes)
    sheet.save(options.out, sheet.draw(title, rows), title)
    for model in models:
        print(model.title)
    print(f"comparison: {options.out}")
    return 0


def compare(
    models: Sequence[Pretrained], dataset: Dataset, number: int, codes: int = _CODES
) -> tuple[list[str], list[sheet.Row]]:
    """Return the title and the rows of the picture: the data set's, and one for each model.

    A strip of a model's row varies one code over its range; the others keep the values that the
    encoder gives the image (for VAEs, the means), and noise those of the run's own traversal.

    Args:
        models: All of one data set, scored with MIG.
        dataset: The data set.
        number: The image.
        codes: How many codes of each model, those that tell the largest part of a factor first.
    """
    image = dataset.images(np.array([number]))
    title = [
        f"What codes do to one image of {label_of(name_of(dataset))}: image {number:,}",
        f"each model's {codes} most informative codes, with the factor that a code tells most "
        "about and the part of its entropy;",
        "a strip varies one code, of VAEs from -2 to 2, of GANs from -1 to 1; the others stay at "
        "the image's own",
    ]
    rows = [_of_data(dataset, number, codes)]
    rows += [_of_model(model, image, codes) for model in models]
    return title, rows


def _of_model(model: Pretrained, image: np.ndarray, codes: int) -> sheet.Row:
    latent, config = model.latent, model.model.config
    base = latent.sample(stream(config.run, "traversal picture"), 1)
    low, *_, high = latent.code.sweep(_VALUES)
    base[:, : latent.num_codes] = np.clip(model.model.best_codes(image), low, high)
    factors = best_factors(model.score_record)
    chosen = sorted(range(len(factors)), key=lambda j: -factors[j][1])[:codes]
    images = np.stack([model.generate(latent.traverse(base, j, _VALUES)) for j in chosen])
    strips = list(visualize.to_bytes(1 - images if config.output_reverse else images))
    headings = [f"{latent.names[j]}: {factors[j][0]} {factors[j][1]:.2f}" for j in chosen]
    label = f"{model.model.name_after(model.batches)}, {model.batches:,} batches"
    return sheet.Row(_strips(strips, codes), label, [*headings, *[""] * (codes - len(headings))])


def _of_data(dataset: Dataset, number: int, codes: int) -> sheet.Row:
    """Return a row of the data set: its factors, each varied alone; or only the image."""
    label = "the data set"
    if not isinstance(dataset, FactorGrid):
        image = visualize.to_bytes(dataset.images(np.array([number])))
        return sheet.Row(_strips([image], codes), label)
    sizes = dataset.factor_sizes
    base = np.array(np.unravel_index(number, sizes))
    headings: list[str] = []
    strips: list[np.ndarray] = []
    for factor in varying(sizes)[:codes]:
        count = min(sizes[factor], _VALUES)
        classes = np.tile(base, (count, 1))
        classes[:, factor] = np.linspace(0, sizes[factor] - 1, count).round()
        strips.append(visualize.to_bytes(dataset.images(dataset.index(classes))))
        headings.append(dataset.factor_names[factor])
    headings += [""] * (codes - len(headings))
    return sheet.Row(_strips(strips, codes), label, headings)


def _strips(strips: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return `count` wide tiles: strips of images [n, H, W, C] side by side, then white ones."""
    _, height, width, channels = strips[0].shape
    tiles = np.full((count, height, _VALUES, width + 1, channels), _WHITE, np.uint8)
    for tile, images in zip(tiles, strips, strict=False):
        tile[:, : len(images)] = _GREY  # the line between two images
        tile[:, : len(images), :width] = images.swapaxes(0, 1)
    return tiles.reshape(count, height, -1, channels)[:, :, :-1]


def _usual(dataset: Dataset) -> int:
    """Return the number of an image that is neither in the middle of its factors nor at an end."""
    if not isinstance(dataset, FactorGrid):
        return 2 * len(dataset) // 3
    return int(dataset.index(np.array([[2 * size // 3 for size in dataset.factor_sizes]]))[0])


def _check(model: Pretrained, first: Pretrained) -> None:
    """Raise UserError if a model cannot be compared with the first one."""
    if not best_factors(model.score_record):
        raise UserError(f"{model.name}: has no MIG score, which says what its codes tell")
    data, other = dataset_name(model.score_record), dataset_name(first.score_record)
    if data != other:
        raise UserError(
            f"{model.name} is of {label_of(data or 'unknown data')}, {first.name} of "
            f"{label_of(other or 'unknown data')}: name models of one data set"
        )


def _all(results: Path) -> list[str]:
    """Return the names of the final models on dSprites."""
    found = []
    for name, place in pretrained.published(results).items():
        record = records.read(place.folder, "final_metrics.json")
        if not place.snapshot and dataset_name(record) == paper.DATA:
            found.append(name)
    if not found:
        raise UserError(f"{results}: no scored models on dSprites (see disentanglement.reproduce)")
    return found
