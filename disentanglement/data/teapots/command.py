"""The command line of the scripts in 3D_teapot/."""

import argparse
import os
import shlex
from pathlib import Path

from disentanglement.console import at_least, run_command
from disentanglement.data.teapots import generate, mesh
from disentanglement.data.teapots.dataset import data_folders
from disentanglement.data.teapots.variants import ALL_COLOR, NUM_IMAGES, Variant

_EXPERIMENTS = ("InfoGAN-CR_3D_teapot", "FactorVAE_3D_teapot", "VAE_3D_teapot")


def main(variant: Variant, folder: Path, arguments: list[str] | None = None) -> int:
    """Generate a set of this variant, or a preview of it; return the exit status.

    Args:
        variant: What varies.
        folder: The script's folder, where the set goes without --out, into a folder of the
            variant's name; it is beside the experiments.
        arguments: The command line; None for sys.argv.
    """
    default = Path(folder).resolve() / variant.name
    options = _parse(variant, default, arguments)
    out = options.out or (None if options.preview else default)
    spec = generate.TeapotSet(variant, options.train, options.groups, options.seed, options.mesh)

    def command() -> int:
        if options.mesh and not out:
            mesh.load(options.mesh)  # prints a note if it is not a closed surface
        if options.preview:
            generate.save_contact_sheet(spec, options.preview)
            names = ", ".join(variant.factor_names)
            print(f"{options.preview}: random images, then a row for each of {names}")
        if out:
            generate.generate(spec, out, options.workers)
            print(_how_to_train(variant, out.resolve(), default.parents[1]))
        return 0

    return run_command(command)


def _how_to_train(variant: Variant, out: Path, root: Path) -> str:
    """Return a line that says how to train on the set in `out`; `root` holds the experiments."""
    if any(out in data_folders(root / experiment) for experiment in _EXPERIMENTS):
        return "training finds it there"
    setting = f"add {shlex.join(['--set', f'data_dir={out}'])} to the training command"
    if variant.name != ALL_COLOR.name:
        return f"to train on it, {setting}"
    first, *others = _EXPERIMENTS
    return (
        f"to train on it, move its train_data/ and metric_data/ to "
        f"{data_folders(root / first)[0]} (or the same folder in {' or '.join(others)}), or "
        f"{setting}"
    )


def _parse(variant: Variant, default: Path, arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Generate 64x64 images of a teapot that vary in "
        f"{', '.join(variant.factor_names)}.",
        epilog="To resume an interrupted run, run the same command again. The same options give "
        "the same files, with any number of workers.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"where train_data/ and metric_data/ go (default: {default})",
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
    return parser.parse_args(arguments)
