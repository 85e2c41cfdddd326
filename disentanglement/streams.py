"""Random numbers that depend only on the seed, the purpose and the position.

Every draw of a run (shuffles, latents, pairs, initial weights, metric data) has its own generator,
made from (seed, purpose, counters). There is no generator state to save, so a resumed run draws
exactly the numbers that it would have drawn without the interruption, and skipping one purpose (the
idle contrastive discriminator) cannot shift another.
"""

import zlib

import numpy as np


def stream(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """Return a random generator, e.g. `stream(run, "shuffle", epoch_id)`.

    Equal arguments give equal numbers on every machine.

    Args:
        seed: The seed, >= 0.
        purpose: What the numbers are for.
        *counters: The position, e.g. the epoch; integers >= 0.
    """
    # The number of counters is included: to NumPy, the seeds (..., 1) and (..., 1, 0) are the same.
    key = [seed, zlib.crc32(purpose.encode()), len(counters), *counters]
    return np.random.default_rng(key)
