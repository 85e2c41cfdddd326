"""disentanglement-select: choose a model without labels, from codes of any program by UDR."""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from disentanglement import console, records
from disentanglement.errors import UserError
from disentanglement.evaluation import codes as code_files
from disentanglement.evaluation.evaluate import score
from disentanglement.evaluation.score_command import read_arrays
from disentanglement.evaluation.udr_codes import KL
from disentanglement.metrics.arrays import ArrayError
from disentanglement.metrics.metric import Metric
from disentanglement.metrics.suite import METRICS
from disentanglement.selection.ranking import are_tied, rank_correlation, ranking
from disentanglement.selection.udr import IMAGES, UDRResult, informative_by_kl, udr
from disentanglement.wording import counted

METHODS = ("udr-lasso", "udr-spearman")
_DEFAULT = ("factor_vae", "mig", "sap", "modularity")  # seconds each; forests take minutes
_SAME = ("factors", "factor_ids", "group_labels")  # what files of the same images share

_ARRAYS = """
arrays of each FILE.npz (N images, K codes), of the same images in the same order:
  codes  [N, K]  of a VAE, the means; N about 1,000
  kl     [K]     optional: the mean KL of each code from the prior, in nats; codes with at most 0.01
                 are left out
With factors or groups as for disentanglement-score, the files' supervised scores are shown, too.
docs/MODEL_SELECTION.md explains the methods, and how to make such files in PyTorch.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="disentanglement-select",
        description="Choose one of several trained models without labels, from their codes of the "
        "same images.",
        epilog=_ARRAYS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE.npz", help="one for each model"
    )
    parser.add_argument(
        "--method", choices=METHODS, default=METHODS[0], help="(default: %(default)s)"
    )
    parser.add_argument(
        "--metrics",
        metavar="a,b",
        help=f"the supervised scores, where there are labels (default: {','.join(_DEFAULT)}); "
        "none: leave them out",
    )
    parser.add_argument(
        "--images",
        type=console.at_least(2),
        default=IMAGES,
        metavar="N",
        help="compare the codes of the first N images (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=console.at_least(0), default=0, help="of the metrics' learners"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write everything there")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _select(options), stopped="stopped; nothing was written")


def _select(options: argparse.Namespace) -> int:
    _check_files(options.files, options.json)
    if options.json:
        console.check_new(options.json, options.force)
    metrics = _metrics(options.metrics)
    arrays = [_read(path) for path in options.files]
    names = _names(options.files)
    _check_same_images(options.files, arrays)
    result = _udr(options, arrays)
    chosen, notes = _scorable(metrics, options.metrics is not None, options.files, arrays)
    supervised = _supervised(chosen, arrays, options.seed)
    print("\n".join([*_lines(names, result, supervised, options.method), *notes]))
    if options.json:
        record = {
            "method": options.method,
            "chosen": names[ranking(result.scores)[0]],
            "models": [
                {"name": name, "file": str(path), "score": float(value), "supervised": scores}
                for name, path, value, scores in zip(
                    names, options.files, result.scores, supervised, strict=True
                )
            ],
            "matrix": result.pairs.tolist(),
            "latents": [int(np.sum(used)) for used in result.used],
            "dead": result.dead,
            "rank_correlation": _agreement(result, supervised),
            "images": len(arrays[0]["codes"][: options.images]),
            **records.environment(),
        }
        records.save(options.json.parent, record, options.json.name)
    return 0


def _check_files(files: Sequence[Path], out: Path | None) -> None:
    """Raise UserError if a file is given twice, or would be overwritten."""
    seen = set()
    for path in files:
        if path.resolve() in seen:
            raise UserError(f"{path} is given twice: give a file for each model")
        seen.add(path.resolve())
    if out and out.resolve() in seen:
        raise UserError(f"--json {out}: that is one of the files to compare: choose another name")


def _metrics(text: str | None) -> list[str]:
    names = list(_DEFAULT) if text is None else [n.strip() for n in text.split(",") if n.strip()]
    if names == ["none"]:
        return []
    for name in names:
        if name not in METRICS:
            raise UserError(f"--metrics: no metric '{name}': choose from {', '.join(METRICS)}")
    return names


def _read(path: Path) -> dict[str, np.ndarray]:
    found, about = read_arrays(path, more=(KL,))
    if "codes" not in found:
        raise UserError(f"{path}: no array 'codes' [N, K]: save each model's codes under that name")
    if KL in found and np.shape(found[KL]) != np.shape(found["codes"])[1:]:
        raise UserError(
            f"{path}: kl has shape {np.shape(found[KL])}: it must hold a number for each of the "
            f"codes {np.shape(found['codes'])}"
        )
    if about:
        found[code_files.ABOUT] = np.array(repr((about["seed"], about["protocol"])))
    return found


def _check_same_images(files: Sequence[Path], arrays: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Raise UserError if files are known to be of different images."""
    for name in (*_SAME, code_files.ABOUT):
        holders = [
            (path, found[name]) for path, found in zip(files, arrays, strict=True) if name in found
        ]
        for path, array in holders[1:]:
            first, known = holders[0]
            if not np.array_equal(known, array):
                what = "seeds or data sets" if name == code_files.ABOUT else f"arrays '{name}'"
                raise UserError(
                    f"{first} and {path} are of different images (their {what} differ): encode "
                    "the same images with all models"
                )


def _udr(options: argparse.Namespace, arrays: Sequence[Mapping[str, np.ndarray]]) -> UDRResult:
    masks = [_informative(*each) for each in zip(options.files, arrays, strict=True)]
    codes, names = [found["codes"] for found in arrays], [str(path) for path in options.files]
    try:
        for each in codes[1:]:
            if len(each) != len(codes[0]):  # before the first images are taken
                udr(codes, names=names)
        cut = [each[: options.images] for each in codes]
        return udr(cut, options.method.removeprefix("udr-"), masks, names)
    except ArrayError as error:
        raise UserError(str(error)) from error


def _informative(path: Path, found: Mapping[str, np.ndarray]) -> np.ndarray | None:
    try:
        return informative_by_kl(found[KL]) if KL in found else None
    except ArrayError as error:
        raise UserError(f"{path}: {error}") from error


def _scorable(
    metrics: Sequence[str],
    asked: bool,
    files: Sequence[Path],
    arrays: Sequence[Mapping[str, np.ndarray]],
) -> tuple[list[str], list[str]]:
    """Return the metrics whose arrays all models have, and notes on others.

    A metric that nobody `asked` for, and that no model has the arrays of, needs no note.
    """
    chosen, notes = [], []
    for name in metrics:
        missing = [sorted(set(Metric.of(METRICS[name]).arrays) - set(found)) for found in arrays]
        lacking = [(path, names) for path, names in zip(files, missing, strict=True) if names]
        if not lacking:
            chosen.append(name)
        elif asked or len(lacking) < len(files):
            path, names = lacking[0]
            notes.append(f"note: {name} is left out: {path} has no {', '.join(names)}")
    return chosen, notes


def _supervised(
    metrics: Sequence[str], arrays: Sequence[Mapping[str, np.ndarray]], seed: int
) -> list[dict[str, float]]:
    """Return the scores of each model by these metrics."""
    chosen, found = {name: METRICS[name] for name in metrics}, []
    for each in arrays:
        results = score(chosen, each, seed)
        found.append({k: v for n, r in results.items() for k, v in r.scores(n).items()})
    return found


def _agreement(result: UDRResult, supervised: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found = {
        name: rank_correlation(result.scores, [scores[name] for scores in supervised])
        for name in supervised[0]
    }
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _lines(
    names: Sequence[str],
    result: UDRResult,
    supervised: Sequence[Mapping[str, float]],
    method: str,
) -> list[str]:
    table = [["rank", method, "latents", *supervised[0], "model"]]
    for rank, i in enumerate(ranking(result.scores), start=1):
        scores = [f"{value:.3f}" for value in supervised[i].values()]
        latents = f"{int(np.sum(result.used[i]))} of {len(result.used[i])}"
        mark = "  <- chosen" if rank == 1 else ""
        row = [str(rank), f"{result.scores[i]:.4f}", latents, *scores, f"{names[i]}{mark}"]
        table.append(row)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    if agreement := _agreement(result, supervised):
        text = ", ".join(f"{name} {value:.2f}" for name, value in agreement.items())
        lines.append(f"rank correlation with supervised scores: {text}")
    if are_tied(result.scores):
        lines.append("note: all scores are the same, so the first model is as good as any")
    for name, dead in zip(names, result.dead, strict=True):
        if dead:
            lines.append(f"note: {name}: {counted(dead, 'code does', 'codes do')} not vary")
    return lines


def _names(files: Sequence[Path]) -> list[str]:
    """Return the files' names without the suffix; their paths if two have the same name."""
    stems = [path.stem for path in files]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in files]
