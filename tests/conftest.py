"""Fixtures that several test files share."""

import logging
import os
import shutil
import signal

import pytest
from filelock import FileLock

from tests.browser import browser  # noqa: F401  (a fixture)
from tests.commands import copy_experiment
from tests.experiments import ROOT
from tests.launchers import script  # noqa: F401  (a fixture)

# For TensorFlow and scikit-learn, which are imported later, here and in the processes that tests
# start: two workers share the cores, and tests are too small for several threads. Besides,
# scikit-learn's threads overwrite each other's warning filters.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
for name in (*THREADS, "LOKY_MAX_CPU_COUNT"):
    os.environ.setdefault(name, "1")

from tests.compared import bars, compared  # noqa: E402, F401  (fixtures; imports scikit-learn)

# A shell's background jobs ignore SIGINT, and nohup's SIGHUP; processes that tests interrupt would
# inherit that.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# JAX spends most of a test compiling: processes share what one of them has compiled.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory, worker_id):
    """A finished run that was never interrupted. Read only: all workers share it."""
    from tests import tiny  # imports TensorFlow, which many tests do without

    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "unbroken"
    with FileLock(f"{folder}.lock"):
        if not (folder / "traversal.png").exists():
            tiny.train(folder)
    return folder


@pytest.fixture
def finished_run(unbroken, tmp_path):
    """A copy of the finished run that a test may change."""
    return shutil.copytree(unbroken, tmp_path / "run")


@pytest.fixture
def experiment(tmp_path):
    """A copy of an experiment folder with fake tasks (tests/commands.py)."""
    return copy_experiment(tmp_path / "experiment")


@pytest.fixture(autouse=True)
def _logging_as_before():
    """Undo what a command that a test runs in this process does to logging (`console.log_to`)."""
    logger = logging.getLogger()
    handlers, level, raising = list(logger.handlers), logger.level, logging.raiseExceptions
    yield
    for handler in [h for h in logger.handlers if h not in handlers]:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level)
    logging.raiseExceptions = raising
