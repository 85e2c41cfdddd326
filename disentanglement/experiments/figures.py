"""python -m disentanglement.figures: the pictures in results/, drawn from the records there."""

import argparse
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from disentanglement import console, records
from disentanglement.errors import UserError
from disentanglement.evaluation import animation, paper, table, table1
from disentanglement.evaluation.protocols import ImageProtocol
from disentanglement.evaluation.score_records import Record, dataset_name, find_records
from disentanglement.experiments import pretrained
from disentanglement.files import keep_old
from disentanglement.training import visualize
from disentanglement.wording import counted

FIGURE, TABLE, ANIMATION = "Figure1.png", "Table1.png", "traversal.gif"
_MODEL = "InfoGAN-CR"  # of the paper's Figure 1
_FRAMES = 15  # values of a code in the animation


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.figures",
        description=f"Write {FIGURE} (a traversal of the InfoGAN-CR model with the highest "
        f"FactorVAE score on dSprites), {ANIMATION} (the same, animated) and {TABLE} (our scores "
        "beside the paper's).",
    )
    parser.add_argument(
        "results",
        nargs="?",
        type=Path,
        default=pretrained.RESULTS,
        help="the folder with the records, which also receives the pictures (default: results/ "
        "beside the experiments)",
    )
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _main(options.results))


def _main(results: Path) -> int:
    everything = find_records([results])
    found = {
        path: record
        for path, record in everything.items()
        if paper.difference(ImageProtocol.of(record)) is None
    }
    model = pretrained.load(best_model(results.resolve()).folder)
    for name in (FIGURE, TABLE, ANIMATION):
        if (results / name).exists() and not _is_ours(results / name):
            print(f"note: {results / name} is not ours; renamed {keep_old(results / name).name}")
    model.save_traversal(results / FIGURE)
    rows = visualize.traverse_codes(model.model, _FRAMES)
    values = model.latent.code.sweep(_FRAMES)
    animation.save_gif(results / ANIMATION, rows, model.labels, values, model.title)
    table1.draw(table.compare(found), results / TABLE)
    print(f"{model.title}: {results / FIGURE}, {results / ANIMATION}")
    print(f"{counted(len(found), 'record')}: {results / TABLE}")
    if left := len(everything) - len(found):
        print(
            f"note: {left} of {len(everything)} records are of other data or by another protocol "
            f"than the paper's, and not in it: see python -m disentanglement.table {results}"
        )
    return 0


def best_model(results: Path) -> pretrained.Published:
    """Return the published InfoGAN-CR model on dSprites with the highest final FactorVAE score.

    Raises:
        UserError: There is none.
    """
    scores = {
        model: _score(records.read(model.folder, "final_metrics.json"))
        for model in pretrained.published(results).values()
        if not model.snapshot
    }
    known = {model: score for model, score in scores.items() if score is not None}
    if not known:
        raise UserError(
            f"{results}: no {_MODEL} model on dSprites with {records.FILE}, weights/ and "
            "final_metrics.json (python -m disentanglement.reproduce writes them)"
        )
    return max(known, key=lambda model: known[model])


def _score(record: Record) -> float | None:
    """Return the FactorVAE score of a final model of InfoGAN-CR on dSprites; None for others."""
    name = record.get("model", {}).get("name")
    if name != _MODEL or dataset_name(record) != paper.DATA:
        return None
    return record["scores"].get("factor_vae")


def _is_ours(path: Path) -> bool:
    """Whether this command has written the picture: it leaves a mark in each."""
    try:
        with Image.open(path) as picture:
            return bool({"Title", table1.SOURCE, "comment"} & set(picture.info))
    except UnidentifiedImageError:
        return False
