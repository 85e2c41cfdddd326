"""Prepare pictures for training: a folder of them, or an npz file, becomes data.npz in a folder.

Finished parts are kept in .parts in that folder, so that an interrupted call resumes. The file is
not compressed: it is read in one go.
"""

import os
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from disentanglement.console import progress_bar
from disentanglement.data import npz, parts
from disentanglement.data.own import arrays, pictures, read, table
from disentanglement.data.own.part import Options, save_part
from disentanglement.data.own.table import Factors
from disentanglement.errors import UserError, os_errors_in_one_line
from disentanglement.files import atomic_path, locked
from disentanglement.wording import counted, size

Say = Callable[[str], None]
PARTS = ".parts"
_PART = 500  # pictures
_FORMAT = 1  # increase it when the same pictures would give other images
_SHOWN = 5  # pictures left out that are named on the screen; about.json has all of them


def prepare(
    source: Path,
    out: Path,
    options: Options = Options(),  # noqa: B008  (it is frozen)
    factors: Path | None = None,
    categories: Collection[str] = (),
    workers: int = 1,
    skip_bad: bool = False,
    say: Say = print,
) -> Path:
    """Write the pictures of a folder, or the images of an npz file, to `out`/data.npz.

    Args:
        source: A folder with pictures at any depth; or an npz file, see `own.read`.
        out: The folder of the set.
        options: How pictures are made into images.
        factors: A CSV file with the pictures' factors, see `own.table`.
        categories: Columns of numbers in it that are categories.
        workers: Processes.
        skip_bad: Leave out pictures that cannot be read, and name them; otherwise the first such
            picture raises UserError.
        say: Called with lines for the user.

    Returns:
        The file.

    Raises:
        UserError: There is such a set already, or something is wrong with the pictures or factors.
    """
    path = out / read.FILE
    _check_absent(path)
    start = time.perf_counter()
    if source.is_file():
        if source.suffix.lower() != ".npz" and not zipfile.is_zipfile(source):
            raise UserError(f"{source}: is neither a folder of pictures nor an npz file")
        if factors is not None:
            raise UserError(f"--factors {factors}: {source} holds its factors itself; leave it out")
        held = arrays.contents(source)
        options = replace(options, grey=options.grey or held.shape[-1] == 1)
        known = None if held.factors is None else held.table()
        names = [f"image {i}" for i in range(held.shape[0])]
        todo, made_from = arrays.parts_of(source, held, out / PARTS, options)
    else:
        names = picture_names(source, say)
        known = None if factors is None else table.read(factors, names, categories)
        todo, made_from = _parts(source, names, out / PARTS, options, skip_bad)
    description: dict[str, Any] = {"format": _FORMAT, **asdict(options), **made_from}
    with locked(out, wait=True):
        _check_absent(path)  # another process may have written it meanwhile
        folder = out / PARTS
        _remove_outdated(folder, description, say)
        parts.check_description(folder, description, f"{folder} holds parts of another set")
        parts.write_description(folder, description)
        with progress_bar(len(names), "images") as bar:
            parts.make_missing(todo, workers, bar)
        made = [part.path for part in todo]
        bad, uneven = _bad(source, made, names, skip_bad)
        kept = np.array([name not in bad for name in names])
        if known is not None:
            known = known._replace(values=known.values[kept])
        _merge(path, made, int(kept.sum()), options, known)
        about = {
            **{key: value for key, value in description.items() if key != "source"},
            "images": int(kept.sum()),
            "categories": known.categories if known else {},
            "left_out": bad,
        }
        parts.write_description(out, about)
        shutil.rmtree(folder, ignore_errors=True)
    _report(path, bad, uneven, kept.sum(), options, time.perf_counter() - start, known, say)
    return path


def picture_names(folder: Path, say: Say = print) -> list[str]:
    """Return the names of the pictures in a folder, at any depth, sorted, with slashes.

    Hidden files are passed over, and other files, with a line; links to folders are not followed.

    Raises:
        UserError: There is no such folder, or it holds fewer than two pictures.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of pictures, or npz file")
    found: list[str] = []
    others: list[str] = []

    def fail(error: OSError) -> None:
        raise error

    with os_errors_in_one_line(folder):
        for place, folders, files in os.walk(folder, onerror=fail):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in files:
                if name.startswith("."):
                    continue
                path = Path(place, name).relative_to(folder).as_posix()
                is_picture = Path(name).suffix.lower() in pictures.suffixes()
                (found if is_picture else others).append(path)
    if len(found) < 2:
        what = f"holds one picture only, '{found[0]}'" if found else "holds no pictures"
        held = f" ({counted(len(others), 'other file')}, e.g. '{min(others)}')" if others else ""
        raise UserError(f"{folder}: {what}{held}: training needs at least two, better thousands")
    if others:
        say(f"note: not pictures by their names, ignored: {len(others):,}, e.g. '{min(others)}'")
    return sorted(found)


def _remove_outdated(folder: Path, description: dict[str, Any], say: Say) -> None:
    """Remove the parts of an interrupted call if the pictures, but no options, have changed."""
    found = parts.read_description(folder)
    if (
        found not in (None, description)
        and found | {"source": description["source"]} == description
    ):
        say("note: the pictures have changed since the interrupted call: all are read again")
        shutil.rmtree(folder)


def _check_absent(path: Path) -> None:
    if path.exists():
        raise UserError(f"{path} exists: choose another --out, or move it away")


def _parts(
    folder: Path, names: Sequence[str], target: Path, options: Options, skip_bad: bool
) -> tuple[list[parts.Part], dict[str, str]]:
    """Return the parts of a folder of pictures, and what decides their content."""
    checksum = 0
    for name in names:
        try:
            stat = (folder / name).stat()
            text = f"{name} {stat.st_size} {stat.st_mtime_ns}\n"
        except OSError:  # a link to nothing, for example: reading it will say so
            text = f"{name}\n"
        checksum = zlib.crc32(text.encode(errors="surrogateescape"), checksum)
    result = []
    for number, start in enumerate(range(0, len(names), _PART)):
        some, path = list(names[start : start + _PART]), target / f"{number:06d}.npz"
        made_from = (folder, some, path, options, skip_bad)
        result.append(parts.Part(path, len(some), _make_part, made_from))
    return result, {"source": f"{counted(len(names), 'picture')}, {checksum:08x}"}


def _make_part(
    folder: Path, names: list[str], path: Path, options: Options, skip_bad: bool
) -> None:
    """Read some pictures and save them, with a line for each bad one; runs in a worker."""
    images, bad, reasons, uneven = [], [], [], 0
    for name in names:
        try:
            image, square = pictures.read(folder / name, options.size, options.crop, options.grey)
        except pictures.BAD_PICTURE_ERRORS as error:
            why = getattr(error, "strerror", None) or str(error) or repr(error)
            why = why.splitlines()[0].removesuffix(f" {str(folder / name)!r}")
            if not skip_bad:
                raise _bad_picture(folder / name, why) from error
            bad.append(name)
            reasons.append(why)
        else:
            images.append(image)
            uneven += not square
    pixels = np.array(images, np.uint8).reshape(-1, *options.shape)
    save_part(path, pixels, uneven, bad, reasons)


def _bad_picture(path: Path, why: str) -> UserError:
    return UserError(
        f"{path}: cannot be used ({why}): mend or remove it, or leave out such pictures with "
        "--skip-bad"
    )


def _bad(
    source: Path, made: Sequence[Path], names: Sequence[str], skip_bad: bool
) -> tuple[dict[str, str], int]:
    """Return why each picture was left out, by name, and how many of the others are not square."""
    bad: dict[str, str] = {}
    uneven = 0
    for path in made:
        with npz.open_npz(path, parts.DAMAGED_PART_ADVICE) as part:
            found = {}
            for name in ("uneven", "bad", "reasons"):
                with npz.open_array(part, name) as array:
                    found[name] = array.read(array.shape[0]).tolist()
        uneven += found["uneven"][0]
        bad |= dict(zip(found["bad"], found["reasons"], strict=True))
    if bad and not skip_bad:  # the interrupted call had --skip-bad
        name, why = next(iter(bad.items()))
        raise _bad_picture(source / name, why)
    if len(names) - len(bad) < 2:
        name, why = next(iter(bad.items()))
        raise UserError(
            f"{source}: of {counted(len(names), 'picture')}, {len(names) - len(bad)} can be used; "
            f"the first that cannot: {name} ({why})"
        )
    return bad, uneven


def _merge(
    path: Path, made: Sequence[Path], count: int, options: Options, known: Factors | None
) -> None:
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as target:
        with npz.create_array(target, "imgs", (count, *options.shape), np.uint8) as file:
            for part in made:
                for chunk in npz.read_chunks(part, "imgs", _PART, parts.DAMAGED_PART_ADVICE):
                    file.write(chunk.tobytes())
        if known is not None:
            npz.add_array(target, "factors", known.values)
            npz.add_array(target, "factor_names", np.array(known.names, "U"))
            npz.add_array(target, "continuous", np.array(known.continuous, bool))


def _report(
    path: Path,
    bad: dict[str, str],
    uneven: int,
    count: int,
    options: Options,
    seconds: float,
    known: Factors | None,
    say: Say,
) -> None:
    for name, why in list(bad.items())[:_SHOWN]:
        say(f"left out: {name} ({why})")
    if len(bad) > _SHOWN:
        say(f"left out: {len(bad) - _SHOWN:,} more, named in {path.with_name('about.json')}")
    if uneven and not options.crop:
        say(
            f"note: not square, and squeezed: {counted(uneven, 'picture')}; --crop center cuts "
            "them instead"
        )
    if known is not None:
        kinds = ("quantity" if kind else "category" for kind in known.continuous)
        listed = (f"{name} ({kind})" for name, kind in zip(known.names, kinds, strict=True))
        say(f"factors: {', '.join(listed)}")
    say(f"{path}: {counted(count, 'image')}, {size(path.stat().st_size)}, {seconds:.0f} s")
