"""The command `python -m disentanglement.report`: a page about all runs of a folder."""

import argparse
import time
from pathlib import Path

from disentanglement import console
from disentanglement.errors import UserError, from_os_error
from disentanglement.experiments.report import page
from disentanglement.files import atomic_path
from disentanglement.wording import size

NAME = "report.html"  # of the page that main.py leaves in its result folder

_EVERY = 30.0  # seconds between two versions of the page, with --watch
_HEAD = 2000  # characters in which our mark must be


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m disentanglement.report",
        description="Write a page about all runs in a folder, finished or not: states, learning "
        "curves, scores beside the paper's, traversals. It is one file, which a browser opens "
        "without a server or a network.",
    )
    parser.add_argument("results", type=Path, help="a folder of run folders, at any depth")
    parser.add_argument("--out", type=Path, default=Path(NAME), metavar="OUT.html")
    parser.add_argument(
        "--watch",
        type=_seconds,
        nargs="?",
        const=_EVERY,
        metavar="SECONDS",
        help=f"write it anew every so often (default: {_EVERY:g}) until Ctrl-C",
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    options = parser.parse_args(arguments)
    return console.run_command(lambda: _main(options), stopped="stopped; the page stays")


def _main(options: argparse.Namespace) -> int:
    out, results = options.out, options.results
    console.check_page("--out", out)
    console.check_new(out, options.force)
    if options.watch is None:
        _write(results, out, None)
        return 0
    print(f"writing {out} every {options.watch:g} seconds; press Ctrl-C to stop", flush=True)
    said = ""
    while True:
        start = time.monotonic()
        try:
            _write(results, out, options.watch, quiet=said == "written")
            said = "written"
        except UserError as error:  # e.g. no run has started yet
            if said != (said := str(error)):
                print(f"waiting: {error}", flush=True)
        time.sleep(max(1.0, options.watch - (time.monotonic() - start)))


def leave_page(results: Path) -> None:
    """Write the page of a result folder into it and name it; never fail the command that does so.

    A file of that name that is no such page is left alone.
    """
    out = results / NAME
    try:
        if not out.exists() or _is_ours(out):
            _write(results, out, None)
    except UserError as error:
        print(f"note: no report page: {error}")
    except OSError as error:
        print(f"note: no report page: {from_os_error(error)}")
    except Exception as error:  # the runs matter, the page does not
        print(f"note: no report page ({error!r}); please report this bug")


def _write(results: Path, out: Path, watch: float | None, quiet: bool = False) -> None:
    text = page.render(results, watch)
    data = text.encode(errors="replace")  # a folder's name may be no valid text
    with atomic_path(out) as temporary:
        temporary.write_bytes(data)
    if not quiet:
        print(f"report: {out} ({size(len(data))})", flush=True)


def _is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return page.MARK in file.read(_HEAD)


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
