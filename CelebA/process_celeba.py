"""Prepare CelebA for training: img_align_celeba.zip -> data.npz, 32x32 pictures.

    python process_celeba.py --zip img_align_celeba.zip

An interrupted run goes on when the same command is given again.
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
        description="Crop the pictures of img_align_celeba.zip to 128x128, resize them to 32x32, "
        "and write them as one array. The archive is not unpacked."
    )
    archive, out = FOLDER / "img_align_celeba.zip", FOLDER / "data.npz"
    parser.add_argument(
        "--zip", type=Path, default=archive, metavar="FILE", help=f"(default: {archive})"
    )
    parser.add_argument(
        "--out", type=Path, default=out, metavar="FILE.npz", help=f"(default: {out})"
    )
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--workers", type=at_least(1), default=cores, metavar="N", help=f"(default: {cores})"
    )
    parser.add_argument("--limit", type=at_least(1), metavar="N", help="only the first N pictures")
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out pictures that cannot be read"
    )
    options = parser.parse_args()

    def command():
        prepare(options.zip, options.out, options.workers, options.limit, options.skip_bad)
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
