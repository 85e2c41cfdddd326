"""Read a table of factors: a CSV file beside a folder of pictures.

The first column names the pictures, relative to the folder; every other column is a factor. A
column of numbers is a quantity unless it is declared a category, a column of text is a category
(one that mixes both must be declared one), and an empty cell means that the factor of this picture
is unknown.
"""

import csv
import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from disentanglement.config import nearest
from disentanglement.errors import UserError, os_errors_in_one_line


class Factors(NamedTuple):
    """Factors of pictures.

    Attributes:
        values: [N, F], NaN where one is unknown; categories of text are numbered in order of their
            names.
        names: F names.
        continuous: [F], whether each is a quantity.
        categories: The names behind the numbers of each factor that is text.
    """

    values: np.ndarray
    names: list[str]
    continuous: list[bool]
    categories: dict[str, list[str]]


def read(path: Path, pictures: Sequence[str], categories: Collection[str] = ()) -> Factors:
    """Read the factors of pictures.

    Args:
        path: The CSV file, with a line of column names.
        pictures: Their names, in order.
        categories: Columns of numbers, or of numbers and text, that are categories.

    Raises:
        UserError: The table cannot be read, or its rows are not exactly those of the pictures.
    """
    header, rows = _rows(path)
    if header[0] in pictures:
        raise UserError(
            f"{path}: line 1 is about the picture '{header[0]}': put a line with the names of the "
            "columns before it"
        )
    names = header[1:]
    if unknown := [name for name in categories if name not in names]:
        raise UserError(
            f"{path}: no column '{unknown[0]}' for --categories (there are {', '.join(names)})"
            f"{nearest(unknown[0], names)}"
        )
    by_name = _by_name(path, rows, set(pictures))
    if missing := [name for name in pictures if name not in by_name]:
        raise UserError(
            f"{path}: no row for '{missing[0]}'{_others(missing)}: add one; its cells may be empty"
        )
    lines = [by_name[name] for name in pictures]
    values, continuous, texts = [], [], {}
    for i, name in enumerate(names, start=1):
        cells = [(line, row[i].strip()) for line, row in lines]
        column, kinds = _column(path, name, cells, name in categories)
        values.append(column)
        continuous.append(kinds is None and name not in categories)
        if kinds is not None:
            texts[name] = kinds
    return Factors(np.stack(values, axis=1), names, continuous, texts)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the column names, and every row with the number of its line."""
    try:
        with os_errors_in_one_line(path), path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    if len(rows) < 2:
        raise UserError(f"{path}: must have a line of column names and a row for each picture")
    header = [cell.strip() for cell in rows[0][1]]
    if len(header) < 2:
        raise UserError(
            f"{path}: line 1 has a single column: must be the pictures' names and at least one "
            "factor, separated by commas"
        )
    doubled = next((name for name in header[1:] if header[1:].count(name) > 1 or not name), None)
    if doubled is not None:
        raise UserError(f"{path}: line 1: two columns are named '{doubled}', or one has no name")
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise UserError(
                f"{path}: line {line} has {len(row)} cells, but there are {len(header)} columns"
            )
    return header, rows[1:]


def _by_name(
    path: Path, rows: Iterable[tuple[int, list[str]]], pictures: Collection[str]
) -> dict[str, tuple[int, list[str]]]:
    found: dict[str, tuple[int, list[str]]] = {}
    for line, row in rows:
        given = row[0].strip().replace("\\", "/")
        member = PurePosixPath(given)
        if member.is_absolute() or ".." in member.parts or ":" in given:
            raise UserError(f"{path}: line {line}: '{given}' points outside the folder of pictures")
        name = str(member)
        if name in found:
            raise UserError(f"{path}: lines {found[name][0]} and {line} are both about '{name}'")
        if name not in pictures:
            raise UserError(
                f"{path}: line {line}: there is no picture '{name}' in the folder"
                f"{nearest(name, list(pictures)[:1000])}"
            )
        found[name] = line, row
    return found


def _column(
    path: Path, name: str, cells: Sequence[tuple[int, str]], category: bool
) -> tuple[np.ndarray, list[str] | None]:
    """Return a column's numbers, NaN where empty; and the names behind them, if it is text.

    A `category` may mix text and numbers, which are names then, too.
    """
    numbers = [_number(text) for _, text in cells]
    pairs = list(zip(cells, numbers, strict=True))
    known = [text for (_, text), value in pairs if value is None or not math.isnan(value)]
    texts = numbers.count(None)
    if texts and (category or texts == len(known)):
        kinds = sorted(set(known))
        places = {text: float(i) for i, text in enumerate(kinds)}
        return np.array([places.get(text, math.nan) for _, text in cells]), kinds
    for (line, text), value in pairs:
        if value is None or math.isinf(value):
            raise UserError(
                f"{path}: line {line}: column '{name}': '{text}' is not a number; leave the cell "
                f"empty if the value is unknown{_or_category(name, value)}"
            )
    return np.array(numbers, np.float64), None


def _or_category(name: str, value: float | None) -> str:
    return f", or add --categories {name}" if value is None else ""


def _number(text: str) -> float | None:
    """Return the number in a cell, NaN if it is empty, None if it holds text."""
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return None


def _others(names: Sequence[str]) -> str:
    return f" (nor for {len(names) - 1:,} more)" if len(names) > 1 else ""
