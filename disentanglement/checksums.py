"""SHA256SUMS: the checksums of a folder's files, in the format of the command sha256sum."""

import hashlib
import re
from pathlib import Path

from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import write_text

FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def write(folder: Path) -> None:
    """Write the checksums of every file in `folder` and below to `folder`/SHA256SUMS."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != FILE]
    lines = [f"{_checksum(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    write_text(folder / FILE, "".join(lines))


def check(folder: Path, path: Path) -> None:
    """Check a file in `folder` against its checksum; a folder without SHA256SUMS passes.

    Raises:
        UserError: The file has changed, or is not listed.
    """
    known = read(folder)
    if known is None:
        return
    name = path.relative_to(folder).as_posix()
    if known.get(name) != _checksum(path):
        problem = "is not listed there" if name not in known else "has changed or is damaged"
        raise UserError(f"{folder / FILE}: {name} {problem}: restore the published file")


def check_all(folder: Path) -> None:
    """Check every file that `folder`/SHA256SUMS lists.

    Raises:
        UserError: A file has changed or is missing, or there is no SHA256SUMS.
    """
    known = read(folder)
    if known is None:
        raise UserError(f"{folder}: no {FILE} here")
    for name in known:
        check(folder, folder / name)


def read(folder: Path) -> dict[str, str] | None:
    """Return the checksums in `folder`/SHA256SUMS by file name, or None if there is no such file.

    Raises:
        UserError: A line is malformed.
    """
    path = folder / FILE
    if not path.exists():
        return None
    with os_errors_in_one_line(path):
        lines = path.read_text(errors="replace").splitlines()
    found = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if not match:
            raise UserError(f"{path}: line {number} is not a checksum and a name: restore the file")
        found[match[2]] = match[1]
    return found


def _checksum(path: Path) -> str:
    with os_errors_in_one_line(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
