"""How many CPU threads this process and those it starts use: --threads.

Measured with TensorFlow 2.21, JAX and OpenBLAS: each obeys variables of its own, read when it is
imported. OMP_NUM_THREADS alone does not limit TensorFlow, nor XLA.
"""

import os
import sys

ENGINE = {  # by KERAS_BACKEND
    "tensorflow": ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    "jax": ("NPROC",),
}
OTHERS = (
    "OMP_NUM_THREADS",  # scikit-learn's and NumPy's loops
    "OPENBLAS_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",  # joblib: metrics' learners, and processes that draw images
)
VARIABLES = (*ENGINE["tensorflow"], *ENGINE["jax"], *OTHERS)


def limit(count: int | None) -> None:
    """Use at most `count` threads at a time here and in the processes that start from now on.

    Call it before TensorFlow or JAX is imported. None leaves everything as it is.
    """
    if count is None:
        return
    os.environ.update(dict.fromkeys(VARIABLES, str(count)))
    if "numpy" in sys.modules:  # its OpenBLAS has read the variables already
        import threadpoolctl

        threadpoolctl.threadpool_limits(count)


def used() -> int:
    """Return how many threads an operation of this process may use at most."""
    engine = ENGINE.get(os.environ["KERAS_BACKEND"], ()) if "keras" in sys.modules else ()
    # OPENBLAS_NUM_THREADS falls back on OMP_NUM_THREADS.
    names = [*engine, *(name for name in OTHERS if name != "OPENBLAS_NUM_THREADS")]
    return max(_value(name) or cores() for name in names)


def cores() -> int:
    """Return the number of cores that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _value(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else 0
