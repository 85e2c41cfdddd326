"""disentanglement-score: score codes from any program, in one npz file."""

import argparse
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from disentanglement import console
from disentanglement.config import nearest
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.evaluation import codes
from disentanglement.evaluation.named_protocols import (
    PAPER,
    PROTOCOLS,
    NamedProtocol,
    arrays_from_file,
    named,
)
from disentanglement.evaluation.scorecard import Scorecard
from disentanglement.evaluation.scoring import score_into
from disentanglement.files import fingerprint
from disentanglement.metrics import arrays
from disentanglement.metrics.metric import MetricFunction
from disentanglement.streams import stream

# What a file's description says of its data set, and the arrays that other protocols draw from.
_OF_DATA = ("dataset", "images", "factors")
_DRAWN_FROM = ("codes", "factor_ids")

_ARRAYS = """
arrays of FILE.npz (M groups of L images, K codes, F factors, N images):
  group_codes      [M, L, K]  codes of groups; the images of a group share one factor
  group_labels     [M]        the factor that each group shares, 0 .. F - 1
  reference_codes  [N0, K]    codes of images drawn at random
  codes            [N, K]     codes of images with known factors
  factors          [N, F]     the values of these factors
  factor_ids       [N, F]     the same as integer classes
  continuous       [F]        True for quantities, False for categories
  shape_probabilities [S, C]  p(shape | generated image), for sample_quality
A metric whose arrays are missing is reported as skipped. docs/METRICS.md explains the metrics,
docs/YOUR_ENCODER.md how to make such a file from an encoder.

--protocol dlib and --protocol infomec draw their samples from codes and factor_ids.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 if nothing could be scored."""
    parser = argparse.ArgumentParser(
        prog="disentanglement-score",
        description="Score codes with every disentanglement metric whose arrays are in the file.",
        epilog=_ARRAYS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.npz")
    parser.add_argument("--metrics", metavar="a,b", help=f"only these of: {_listed()}")
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default=PAPER,
        help="paper: InfoGAN-CR's (default); dlib: disentanglement_lib's; infomec: InfoMEC",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="OUT",
        help="write scores and evidence there, after every metric; metrics already in the "
        "file are not rerun",
    )
    parser.add_argument("--seed", type=int, default=0, help="for forests and subsets (default: 0)")
    options = parser.parse_args(arguments)
    return console.run_command(
        lambda: _score(options), stopped="stopped; with --json, the scores so far are saved"
    )


def _score(options: argparse.Namespace) -> int:
    if options.seed < 0:
        raise UserError(f"--seed {options.seed}: must be 0 or more")
    if options.json and options.json.resolve() == options.file.resolve():
        raise UserError(f"--json {options.json}: that is the file with the codes; name another")
    chosen = named(options.protocol)
    metrics = _chosen(chosen, options.metrics)
    given, about = read_arrays(options.file)
    shapes = {name: list(array.shape) for name, array in given.items()}
    protocol = {"arrays": shapes} | about.get("protocol", {})
    if chosen.name != PAPER:
        rng = stream(options.seed, f"{chosen.name} images")
        given, drawn = arrays_from_file(chosen, given, rng)
        known = {key: protocol[key] for key in _OF_DATA if key in protocol}
        protocol = known | {"arrays": {name: shapes[name] for name in _DRAWN_FROM}} | drawn
    model = {"name": options.file.stem, "file": fingerprint(options.file)}
    identity = {
        "seed": options.seed,
        **({"image_seed": about["seed"]} if about else {}),
        "protocol": protocol,
        "model": model | about.get("model", {}),
    }
    card = Scorecard(options.json, identity, say=_print_line, overwrite=True)
    todo = card.todo(metrics)
    for name in metrics:
        if name not in todo:
            print("\n".join(card.lines(name)))
    card.begin()
    score_into(card, todo, given, options.seed)
    if not card.record["scores"]:
        raise UserError(f"{options.file}: no metric could run")
    return 0


def _listed() -> str:
    return "; ".join(
        f"{', '.join(name.removeprefix(f'{p.name}.') for name in p.metrics)} (--protocol {p.name})"
        for p in PROTOCOLS.values()
    )


def _chosen(protocol: NamedProtocol, metrics: str | None) -> Mapping[str, MetricFunction]:
    if metrics is None:
        return protocol.chosen()
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    if not names:
        raise UserError(f"--metrics is empty: choose from {', '.join(protocol.metrics)}")
    return protocol.chosen(names)


def read_arrays(
    path: Path, more: tuple[str, ...] = ()
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays that metrics take, and what `save_codes` says; nothing is unpickled.

    Args:
        path: The npz file.
        more: The names of further arrays to return, if they are there.

    Raises:
        UserError: The file cannot be read.
    """
    known = (*arrays.NAMES, *more)
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with os_errors_in_one_line(path), path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UserError(f"{path}: is a single array, not an npz file of named arrays")
            for name in archive.files:
                if name not in (*known, codes.ABOUT):
                    print(f"note: array '{name}' is ignored{nearest(name, known)}")
            about = {}
            if codes.ABOUT in archive:
                about = codes.read_about(_array(path, archive, codes.ABOUT))
            names = [name for name in known if name in archive]
            return {name: _array(path, archive, name) for name in names}, about
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        # Of what is no archive at all, NumPy says how to unpickle it, which nobody should.
        reason = f" ({error})" if zipfile.is_zipfile(path) else ""
        raise UserError(f"{path}: damaged, or not an npz file{reason}") from error
    except MemoryError as error:
        raise UserError(f"{path}: its arrays do not fit into memory ({error})") from error


def _array(path: Path, archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    try:
        array = archive[name]
        if not isinstance(array, np.ndarray):
            raise UserError(f"{path}: its member '{name}' is not an array")
        return array
    except ValueError as error:
        if "pickle" in str(error) or "Object arrays" in str(error):
            raise UserError(
                f"{path}: {name} is an object (pickled) array, which is never opened: save numbers"
            ) from error
        raise


def _print_line(line: str) -> None:
    tqdm.write(line)  # above the progress bar
    sys.stdout.flush()
