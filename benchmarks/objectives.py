"""Time an iteration of each VAE's objective, in turns with FactorVAE's.

    python benchmarks/objectives.py [--rounds 15] [--steps 3]

On dSprites' networks, batch 64 and random images, on the engine of KERAS_BACKEND. Each ratio is the
median of the rounds' ratios to FactorVAE's iteration.
"""

import argparse
import time

import numpy as np

from disentanglement import engine
from disentanglement.data.dsprites.dataset import DSprites
from disentanglement.experiments.load import load
from disentanglement.training.feed import Feed
from disentanglement.vae_config import OBJECTIVES

BATCH, IMAGES = 64, 512
FIRST = "FactorVAE"


def models():
    """Return a model of each objective by its name, FactorVAE first."""
    factor_vae, vaes = load("FactorVAE_dSprites"), load("VAE_dSprites")
    found = {FIRST: factor_vae.build(factor_vae.grid().tasks[0].config)}
    tasks = vaes.grid().tasks
    for name, objective in OBJECTIVES.items():
        config = next(task.config for task in tasks if task.config.objective == name)
        found[objective.title] = vaes.build(config)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each (default: 15)")
    parser.add_argument("--steps", type=int, default=3, help="iterations each (default: 3)")
    options = parser.parse_args()
    bits = np.random.default_rng(0).integers(0, 256, (IMAGES, 512), np.uint8)
    rows = np.resize(np.arange(IMAGES), (1, BATCH))
    jobs = models()
    for model in jobs.values():
        model.connect(Feed(DSprites(bits), engine.has_accelerator()))
        model.train_block(rows, 0)  # compiles
    seconds = {name: [] for name in jobs}
    for _ in range(options.rounds):  # in turns, so that a busy moment affects all
        for name, model in jobs.items():
            start = time.perf_counter()
            for i in range(options.steps):
                model.train_block(rows, 1 + i)
            seconds[name].append((time.perf_counter() - start) / options.steps)
    print(
        f"{engine.NAME}, {', '.join(engine.devices())}, batch {BATCH}; medians of "
        f"{options.rounds} rounds of {options.steps}, in turns"
    )
    for name, times in seconds.items():
        ratio = np.median(np.divide(times, seconds[FIRST]))
        print(
            f"{name:12} {np.median(times) * 1e3:6.1f} ms, at best {min(times) * 1e3:6.1f} ms, "
            f"{ratio:.2f} of {FIRST}'s time"
        )


if __name__ == "__main__":
    main()
