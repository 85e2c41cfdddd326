"""Write the complete dSprites data set in its official format, without a download.

    python generate_dsprites.py --out dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz

The arrays imgs, latents_values and latents_classes equal those of the official file bit for bit;
its metadata, a pickle, is left out. Training does not need this file: it renders the images itself.
"""

import argparse
import sys
import time
from pathlib import Path

from disentanglement.console import check_new, check_suffix, progress_bar, run_command, so_far
from disentanglement.data.dsprites import dataset as dsprites
from disentanglement.data.dsprites.render import render


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Write the complete dSprites data set in its official format, without a "
        "download.",
        epilog="Training does not need this file: it renders the images itself.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz", help="file to write")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    options = parser.parse_args()

    def command() -> int:
        generate(options.out, options.force)
        return 0

    return run_command(command, stopped="stopped; nothing was written")


def generate(path: Path, force: bool) -> None:
    """Render all images and write them to `path`; replace an existing file only with `force`."""
    check_suffix("--out", path, ".npz")
    check_new(path, force)
    start = time.perf_counter()
    with progress_bar(None, "poses", "rendering") as bar:
        bits = render(so_far(bar))
    with progress_bar(None, "images", "writing") as bar:
        dsprites.write_official(path, bits, so_far(bar))
    size = path.stat().st_size / 1e6
    print(f"{path}: 737,280 images, {size:.1f} MB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
