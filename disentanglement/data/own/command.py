"""The command `python -m disentanglement.data prepare`: make a data set of pictures."""

import argparse
import os
from pathlib import Path

from disentanglement import console
from disentanglement.data.own.part import Options
from disentanglement.data.own.prepare import prepare
from disentanglement.errors import UserError

SIZES = (64, 32)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m disentanglement.data")
    command = parser.add_subparsers(dest="command", required=True).add_parser(
        "prepare",
        help="make a data set of your own pictures",
        description="Make a data set of a folder of pictures, at any depth and of any format, or "
        "of an npz file of images. Experiments train on it with --set data=NAME, see "
        "docs/YOUR_DATA.md.",
        epilog="To resume an interrupted run, run the same command again.",
    )
    command.add_argument("source", type=Path, metavar="FOLDER", help="the pictures, or FILE.npz")
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder to write, data/NAME"
    )
    command.add_argument(
        "--size", type=int, choices=SIZES, default=64, help="height and width (default: 64)"
    )
    command.add_argument(
        "--crop",
        choices=("none", "center"),
        default="none",
        help="cut the largest square out of the middle; none: squeeze the whole picture (default)",
    )
    command.add_argument(
        "--gray", "--grey", action="store_true", help="one channel instead of three"
    )
    command.add_argument(
        "--factors",
        type=Path,
        metavar="TABLE.csv",
        help="the pictures' factors: a column of names, then a column for each factor",
    )
    command.add_argument(
        "--categories",
        type=lambda text: [name.strip() for name in text.split(",")],
        default=[],
        metavar="A,B",
        help="columns of numbers that are categories, not quantities",
    )
    command.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out pictures that cannot be read, instead of stopping at the first",
    )
    command.add_argument(
        "--workers",
        type=console.at_least(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: %(default)s, one per core)",
    )
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _prepare(options))


def _prepare(options: argparse.Namespace) -> int:
    if options.categories and not options.factors:
        raise UserError("--categories are columns of a table: give it with --factors")
    made = Options(options.size, options.crop == "center", options.gray)
    prepare(
        options.source,
        options.out,
        made,
        options.factors,
        options.categories,
        options.workers,
        options.skip_bad,
    )
    print(f"to train on it, in an experiment's folder: {_how(options.out)}")
    return 0


def _how(out: Path) -> str:
    """Return the words of a command that trains on a set in a folder."""
    place = out.resolve()
    shared = place.parent.name == "data"
    return f"main.py --config config_quick.py --set data={place.name if shared else place}"
