"""Write the CdSprites data set: 1,080 images of a disc, by angle and radius.

    python generate_cdsprites.py

Training does not need the file: it draws the images itself.
"""

import argparse
import sys
from pathlib import Path

from disentanglement.console import check_new, check_suffix, run_command
from disentanglement.data.cdsprites import dataset as cdsprites

OUT = Path(__file__).resolve().parent / cdsprites.FILE


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Write the CdSprites data set: 1,080 images of a disc, by angle and radius.",
        epilog="Training does not need the file: it draws the images itself.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=OUT,
        metavar="FILE.npz",
        help="file to write (default: %(default)s)",
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    options = parser.parse_args()

    def command() -> int:
        generate(options.out, options.force)
        return 0

    return run_command(command, stopped="stopped; nothing was written")


def generate(path: Path, force: bool) -> None:
    """Draw all images and write them to `path`; replace an existing file only with `force`."""
    check_suffix("--out", path, ".npz")
    check_new(path, force)
    cdsprites.write(path)
    print(f"{path}: {cdsprites.NUM_IMAGES:,} images, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
