"""Prepare CelebA for training: crop and resize img_align_celeba.zip to 32x32 images in data.npz.

    python process_celeba.py

It takes the archive beside this script, or else the one in data/CelebA/ beside the experiments, and
writes data.npz next to it. To resume an interrupted run, run the same command again.
"""

import argparse
import os
import sys
from pathlib import Path

from disentanglement.console import at_least, run_command
from disentanglement.data.celeba import dataset
from disentanglement.data.celeba.prepare import ARCHIVE, prepare
from disentanglement.errors import UserError

HERE = Path(__file__).resolve().parent
EXPERIMENT = HERE.parent / "InfoGAN-CR_CelebA"
SHARED = HERE.parent / "data" / "CelebA"


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Crop the images of img_align_celeba.zip to 128x128, resize them to 32x32 and "
        "write them as one array. The archive is not unpacked.",
        epilog="To resume an interrupted run, run the same command again.",
    )
    parser.add_argument(
        "--zip",
        type=Path,
        metavar="FILE.zip",
        help=f"the archive (default: {ARCHIVE} in {HERE}, or else in {SHARED})",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.npz",
        help=f"file to write (default: data.npz beside the archive; with --zip, in {SHARED})",
    )
    parser.add_argument(
        "--workers",
        type=at_least(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: %(default)s, one per core)",
    )
    parser.add_argument(
        "--limit", type=at_least(1), metavar="N", help="use only the first N images"
    )
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out images that cannot be read, instead of stopping at the first",
    )
    options = parser.parse_args()

    def command() -> int:
        archive = options.zip or find_archive()
        out = options.out or (SHARED if options.zip else archive.parent) / dataset.FILES[0]
        prepare(archive, out, options.workers, options.limit, options.skip_bad)
        print(where_training_looks(out))
        return 0

    return run_command(command)


def find_archive() -> Path:
    """Return the archive beside this script, or else in data/CelebA beside the experiments."""
    for folder in (HERE, SHARED):
        if (folder / ARCHIVE).exists():
            return folder / ARCHIVE
    raise UserError(
        f"no {ARCHIVE} in {HERE} or {SHARED}: get it (see docs/DATA.md) and put it there, or give "
        "its path with --zip"
    )


def where_training_looks(out: Path) -> str:
    """Return a line that says how to train on the file that was written."""
    folders = dataset.data_folders(EXPERIMENT)
    if out.name in dataset.FILES and out.resolve().parent in folders:
        return "training finds it there"
    return f"to train on it, move it to {folders[0] / dataset.FILES[0]}"


if __name__ == "__main__":
    sys.exit(main())
