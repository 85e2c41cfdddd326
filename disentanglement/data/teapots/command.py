"""The command line of the scripts in 3D_teapot/."""

import argparse
import os
from pathlib import Path

from disentanglement.console import at_least, run_command
from disentanglement.data.teapots import generate, mesh
from disentanglement.data.teapots.variants import NUM_IMAGES, Variant


def main(variant: Variant, arguments: list[str] | None = None) -> int:
    """Make a set of this variant, or show it; the exit status."""
    names = ", ".join(variant.factor_names)
    parser = argparse.ArgumentParser(
        description=f"Draw 64x64 pictures of a teapot; what varies is {names}.",
        epilog="An interrupted run goes on when the same command is given again. The same options "
        "give the same files, with any number of workers.",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where train_data/ and metric_data/ go"
    )
    parser.add_argument(
        "--train",
        type=at_least(1),
        default=NUM_IMAGES,
        metavar="N",
        help=f"images (default: {NUM_IMAGES})",
    )
    parser.add_argument(
        "--groups",
        type=at_least(len(variant.factor_names)),
        default=variant.groups,
        metavar="M",
        help=f"groups of 100 images that share one factor (default: {variant.groups})",
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="(default: 0)")
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--workers", type=at_least(1), default=cores, metavar="N", help=f"(default: {cores})"
    )
    parser.add_argument(
        "--mesh",
        type=Path,
        metavar="FILE",
        help="an OBJ or PLY file, z up (default: Newell's teapot)",
    )
    parser.add_argument(
        "--preview",
        type=Path,
        metavar="FILE.png",
        help="draw a contact sheet; without --out, only it",
    )
    options = parser.parse_args(arguments)
    if not (options.out or options.preview):
        parser.error("say where to: --out DIR, or --preview FILE.png for a look only")
    settings = generate.TeapotSet(
        variant, options.train, options.groups, options.seed, options.mesh
    )

    def command():
        if options.mesh and not options.out:
            mesh.load(options.mesh)  # says what is odd about it
        if options.preview:
            generate.save_contact_sheet(settings, options.preview)
            print(f"{options.preview}: random images, then a row for each of {names}")
        if options.out:
            generate.generate(settings, options.out, options.workers)
        return 0

    return run_command(command)
