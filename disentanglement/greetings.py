"""Holds back TensorFlow's greetings, which no log level turns off; everything else is shown.

Its C++ code writes them to stderr when it is imported and when it looks for GPUs: that oneDNN is
on, which instructions the CPU has, that there is no CUDA. TF_CPP_MIN_LOG_LEVEL=0 shows them.
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import tempfile
import types
from collections.abc import Iterator, Sequence
from typing import BinaryIO

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_STDERR = 2  # C++ code knows no sys.stderr
_GREETINGS = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|"
    rb"I\d{4} |.*: I (tensorflow|external)/|"  # information, in the new and the old format
    rb"To enable the following instructions|"
    rb".*failed call to cuInit: .*(UNKNOWN ERROR \(303\)|CUDA_ERROR_NO_DEVICE)"  # there is no GPU
)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold back what is written to stderr; at the end, show all of it but the greetings.

    If the block fails, the user has asked for TensorFlow's messages, or there is nowhere to hold
    them, everything is shown.
    """
    if os.environ.get(_LEVEL, "0") in ("0", "1"):
        yield
        return
    try:
        saved = os.dup(_STDERR)
    except OSError:  # closed
        yield
        return
    buffer = _buffer()
    if buffer is None:
        os.close(saved)
        yield
        return
    failed = True
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
    with buffer as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
            failed = False
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            with contextlib.suppress(OSError):
                held.seek(0)
                shown = [line for line in held if failed or not _GREETINGS.match(line)]
                os.write(_STDERR, b"".join(shown))


def _buffer() -> BinaryIO | None:
    """Return a new file: in memory, which no full disk can spoil, or else on disk, if possible."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.fdopen(os.memfd_create("stderr"), "w+b")
    with contextlib.suppress(OSError):
        return tempfile.TemporaryFile()
    return None


def hold_back_at_import() -> None:
    """Hold the greetings back when TensorFlow is imported, unless it has been already."""
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as usual, with a loader that holds the greetings back."""

    searching = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow" or self.searching:
            return None
        self.searching = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.searching = False
        if spec and spec.loader:
            self._wrap(spec.loader)
        return spec

    @staticmethod
    def _wrap(loader):
        run = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            with held_back():
                run(module)
                # Looks for GPUs, but sets nothing up: the user may still configure them.
                module.config.list_physical_devices()

        loader.exec_module = exec_module
