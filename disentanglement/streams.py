"""Random numbers that depend on nothing but the seed, the purpose and the position.

Every draw of a run (shuffles, latents, pairs, initial weights, metric data) opens its own
generator from (seed, purpose, counters). There is no generator state to save, so a run that is
stopped anywhere goes on with exactly the numbers it would have drawn, and skipping one purpose
(the idle contrastive discriminator) cannot shift another.
"""

import zlib

import numpy as np


def stream(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """A generator for one purpose of one run, e.g. `stream(run, "shuffle", epoch_id)`.

    seed and counters are integers >= 0; equal arguments give equal numbers on every machine.
    """
    # The number of counters is part of the seed: NumPy takes (..., 1) and (..., 1, 0) as the same.
    key = [seed, zlib.crc32(purpose.encode()), len(counters), *counters]
    return np.random.default_rng(key)
