"""Making a data set in parts: each part is a file, made by one of several processes.

A run that is killed goes on with the parts that are absent.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import write_text

ABOUT = "about.json"  # in a folder of parts or of a set: all that decides its content


AGAIN = "remove it and run the same command again"  # advice for a damaged part


class Part(NamedTuple):
    """A file of `size` items, which make(*arguments) leaves at `path`."""

    path: Path
    size: int
    make: Callable
    arguments: tuple


def finish(parts: Iterable[Part], workers: int, bar) -> None:
    """Make the parts that are not there, in `workers` processes; `bar` (tqdm) counts items."""
    todo = []
    for part in parts:
        if part.path.exists():
            bar.initial += part.size  # not counted in the speed
            bar.update(part.size)
        else:
            todo.append(delayed(_make)(part))
    try:
        for size in Parallel(n_jobs=workers, return_as="generator_unordered")(todo):
            bar.update(size)
    except TerminatedWorkerError as error:
        raise UserError(
            "a worker was killed, most likely for want of memory: run the same command again with "
            f"fewer --workers than {workers}; what is made is kept"
        ) from error


def begin(folder: Path, about: dict) -> None:
    """Note in a folder of parts what they are of."""
    write_text(folder / ABOUT, json.dumps(about, indent=2) + "\n")


def check(folder: Path, about: dict, holds: str) -> bool:
    """Whether `folder` says what it is of, and it is this. Raises UserError if it is of another.

    holds: the beginning of the message, "DIR holds another set".
    """
    found = read(folder)
    if found is None:
        return False
    if different := [key for key in about if found.get(key) != about[key]]:
        key = different[0]
        raise UserError(
            f"{holds}: its {key} is {found.get(key)!r}, here it is {about[key]!r}: choose another "
            f"--out, or remove {folder}"
        )
    return True


def read(folder: Path) -> dict | None:
    """What a folder says it is of, or None. Raises UserError where that is damaged."""
    path = folder / ABOUT
    if not path.exists():
        return None
    with os_errors_in_one_line(path):
        text = path.read_text()
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")
    except ValueError as error:
        raise UserError(
            f"{path}: damaged ({error}): remove {folder}, or choose another --out"
        ) from error
    return found


def _make(part):
    part.make(*part.arguments)
    return part.size
