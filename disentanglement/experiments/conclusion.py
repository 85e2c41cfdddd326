"""Put the parts of a comparison together: columns of scores, or codes, become a choice."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from disentanglement import console
from disentanglement.errors import UserError
from disentanglement.evaluation import udr_codes
from disentanglement.evaluation.cross_scores import FILE, Candidate, Column, matrix
from disentanglement.evaluation.generated_sets import SetSize
from disentanglement.experiments.choice import CENTRALITY, METHODS, Choice
from disentanglement.metrics.arrays import ArrayError
from disentanglement.selection.centrality import centralities
from disentanglement.selection.udr import udr
from disentanglement.wording import counted


def put_together(
    method: str, models: Sequence[Candidate], folders: Sequence[Path], size: SetSize
) -> Choice:
    """Return what a method says of models, from the files in their folders."""
    try:
        if method == CENTRALITY:
            return _central(models, folders, size)
        return _by_udr(method, models, folders)
    except ArrayError as error:
        raise UserError(f"{METHODS[method]}: {error}") from error


def show(found: Choice, folder: Path, experiment: str) -> None:
    """Save a choice among runs of this experiment in a folder, and print it."""
    path = found.save(folder, experiment)
    print(f"\n{METHODS[found.method]} of {counted(len(found.candidates), 'run')}:")
    print("\n".join(f"  {line}" for line in found.lines()))
    print(f"{path}; picture: {path.with_suffix('.png')}")


def _central(models: Sequence[Candidate], folders: Sequence[Path], size: SetSize) -> Choice:
    columns = [Column(f / FILE, one, size) for f, one in zip(folders, models, strict=True)]
    scores = matrix(columns, models)
    dead = {
        each.name: columns[i].cells[each.weights]["dead_codes"] for i, each in enumerate(models)
    }
    protocol = {"score": "factor_vae", "set": size.record(), "seeds": [m.run for m in models]}
    notes = _dead(dead, "its own images")
    return Choice(CENTRALITY, models, scores, centralities(scores), protocol, notes)


def _by_udr(method: str, models: Sequence[Candidate], folders: Sequence[Path]) -> Choice:
    found = []
    for folder, one in zip(folders, models, strict=True):
        codes = udr_codes.read(folder / udr_codes.FILE, one)
        assert codes is not None, "compared before"
        found.append(codes)
    with console.progress_bar(None, "pairs", "comparing", passing=True) as bar:
        result = udr(
            [each.codes for each in found],
            method.removeprefix("udr-"),
            [each.informative for each in found],
            [each.name for each in models],
            console.so_far(bar),
        )
    protocol = {
        "images": len(found[0].codes),
        "image_seed": udr_codes.SEED,
        "latents": [int(np.sum(used)) for used in result.used],
    }
    dead = dict(zip([m.name for m in models], result.dead, strict=True))
    unused = {m.name: int(np.sum(~used)) for m, used in zip(models, result.used, strict=True)}
    notes = _dead(dead, "the data set's images")
    notes += [
        f"{name}: {counted(count, 'latent')} left out (KL from the prior of at most 0.01 nats, or "
        "dead)"
        for name, count in unused.items()
        if count > dead[name]
    ]
    return Choice(method, models, result.pairs, result.scores, protocol, notes)


def _dead(counts: dict[str, int], where: str) -> list[str]:
    return [
        f"{name}: {counted(count, 'code does', 'codes do')} not vary on {where}"
        for name, count in counts.items()
        if count
    ]
