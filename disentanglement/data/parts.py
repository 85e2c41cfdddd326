"""Make a data set in parts: each part is a file, made by one of several processes.

After an interruption, only the missing parts are made.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import write_text

# In a folder of parts or of a set: everything that determines its content.
DESCRIPTION_FILE = "about.json"
DAMAGED_PART_ADVICE = "remove it and run the same command again"


class Part(NamedTuple):
    """A file of `size` items; make(*arguments) writes it to `path`."""

    path: Path
    size: int
    make: Callable[..., None]
    arguments: tuple[Any, ...]


def make_missing(parts: Iterable[Part], workers: int, bar: tqdm) -> None:
    """Make the parts that do not exist yet, in `workers` processes; `bar` counts items."""
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
            "a worker was killed, most likely because memory ran out: run the same command again "
            f"with fewer --workers than {workers}; finished parts are kept"
        ) from error


def write_description(folder: Path, description: dict[str, Any]) -> None:
    """Record in a folder what its parts or files were made from."""
    write_text(folder / DESCRIPTION_FILE, json.dumps(description, indent=2) + "\n")


def check_description(folder: Path, description: dict[str, Any], problem: str) -> bool:
    """Check that what `folder` holds was made from `description`.

    Args:
        folder: Need not exist.
        description: All that decides the content.
        problem: How the message of a mismatch begins: "DIR holds another set".

    Returns:
        False if the folder has no description.

    Raises:
        UserError: Its description differs.
    """
    found = read_description(folder)
    if found is None:
        return False
    if different := [key for key in description if found.get(key) != description[key]]:
        key = different[0]
        raise UserError(
            f"{problem}: its {key} is {found.get(key)!r}, here it is {description[key]!r}: choose "
            f"another --out, or remove {folder}"
        )
    return True


def read_description(folder: Path) -> dict[str, Any] | None:
    """Return the description in a folder, None if there is none; UserError if it is damaged."""
    path = folder / DESCRIPTION_FILE
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


def _make(part: Part) -> int:
    part.make(*part.arguments)
    return part.size
