"""The command behind gan/train_DSpritesInceptionScore.py: train the dSprites shape classifier."""

import argparse
import logging
from pathlib import Path

from disentanglement import console
from disentanglement.data.dsprites import dataset as dsprites


def main(experiment: Path, arguments: list[str] | None = None) -> int:
    """Train the classifier that sample quality needs; return the exit status.

    Args:
        experiment: The experiment's folder; relative paths start there.
        arguments: The command line; None for sys.argv.
    """
    default = dsprites.trained_classifier_path(experiment)
    parser = argparse.ArgumentParser(description="Train the classifier of dSprites' shapes.")
    parser.add_argument("--epochs", type=console.at_least(1), default=5, help="(default: 5)")
    parser.add_argument(
        "--images", type=console.at_least(1), help="train on this many random images (default: all)"
    )
    parser.add_argument("--seed", type=console.at_least(0), default=0, help="(default: 0)")
    parser.add_argument("--data-dir", help="folder of the data set")
    parser.add_argument(
        "--out",
        type=Path,
        default=default,
        metavar="NAME.keras",
        help=f"file to write (default: {default})",
    )
    options = parser.parse_args(arguments)

    def train() -> int:
        from disentanglement.networks import shape_classifier  # takes seconds

        logging.basicConfig(level=logging.INFO, format="%(message)s")
        folders = dsprites.data_folders(experiment, options.data_dir)
        dataset = dsprites.load_first(folders, renders=options.data_dir is None)
        record = shape_classifier.train(
            dataset, options.out, options.epochs, options.images, options.seed
        )
        minutes = record["seconds"] / 60
        print(f"accuracy {record['accuracy']:.4f}, {minutes:.1f} min; {options.out}")
        return 0

    return console.run_command(train)
