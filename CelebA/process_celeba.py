"""Prepare CelebA for training: crop and resize img_align_celeba.zip to 32x32 images in data.npz.

    python process_celeba.py --zip img_align_celeba.zip

To resume an interrupted run, run the same command again.
"""

import argparse
import os
import sys
from pathlib import Path

from disentanglement.console import at_least, run_command
from disentanglement.data.celeba.prepare import prepare

FOLDER = Path(__file__).resolve().parents[1] / "data" / "CelebA"


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Crop the images of img_align_celeba.zip to 128x128, resize them to 32x32 and "
        "write them as one array. The archive is not unpacked.",
        epilog="To resume an interrupted run, run the same command again.",
    )
    parser.add_argument(
        "--zip",
        type=Path,
        default=FOLDER / "img_align_celeba.zip",
        metavar="FILE.zip",
        help="the archive (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=FOLDER / "data.npz",
        metavar="FILE.npz",
        help="file to write (default: %(default)s)",
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
        prepare(options.zip, options.out, options.workers, options.limit, options.skip_bad)
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
