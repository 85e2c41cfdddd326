"""The command line of the scripts in 3D_teapot/."""

import argparse
import os
from pathlib import Path

from disentanglement.console import at_least, run_command
from disentanglement.data.teapots import generate, mesh
from disentanglement.data.teapots.variants import NUM_IMAGES, Variant


def main(variant: Variant, arguments: list[str] | None = None) -> int:
    """Generate a set of this variant, or a preview of it; return the exit status."""
    options = _parse(variant, arguments)
    spec = generate.TeapotSet(variant, options.train, options.groups, options.seed, options.mesh)

    def command() -> int:
        if options.mesh and not options.out:
            mesh.load(options.mesh)  # prints a note if it is not a closed surface
        if options.preview:
            generate.save_contact_sheet(spec, options.preview)
            names = ", ".join(variant.factor_names)
            print(f"{options.preview}: random images, then a row for each of {names}")
        if options.out:
            generate.generate(spec, options.out, options.workers)
        return 0

    return run_command(command)


def _parse(variant: Variant, arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Generate 64x64 images of a teapot that vary in "
        f"{', '.join(variant.factor_names)}.",
        epilog="To resume an interrupted run, run the same command again. The same options give "
        "the same files, with any number of workers.",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where train_data/ and metric_data/ go"
    )
    parser.add_argument(
        "--train",
        type=at_least(1),
        default=NUM_IMAGES,
        metavar="N",
        help="training images (default: %(default)s)",
    )
    parser.add_argument(
        "--groups",
        type=at_least(len(variant.factor_names)),
        default=variant.groups,
        metavar="M",
        help="groups of 100 images that share one factor (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=at_least(0),
        default=0,
        metavar="N",
        help="seed of the latents (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=at_least(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: %(default)s, one per core)",
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
        help="write a contact sheet; without --out, nothing else",
    )
    options = parser.parse_args(arguments)
    if not (options.out or options.preview):
        parser.error("give --out DIR, or --preview FILE.png for just a preview")
    return options
