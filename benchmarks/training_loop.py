"""Measure how much of a training iteration is anything but the compiled step.

    python benchmarks/training_loop.py [--experiment InfoGAN-CR_dSprites] [--batch-size 64]

It trains with TensorBoard, checkpoints and progress as main.py does, without scores and sample
grids, which benchmarks/requirements.py measures, and times every call of the compiled step. What
is left is drawing latents, gathering images, checks and everything that is written.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np

from disentanglement import engine
from disentanglement.experiments.load import load
from disentanglement.training import loop

_WARM_UP = 10  # iterations, the first of which compiles


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiment", default="InfoGAN-CR_dSprites")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--batches", type=int, default=300)
    options = parser.parse_args()

    experiment = load(options.experiment)
    config = dataclasses.replace(
        experiment.grid(experiment.folder / "config_quick.py").tasks[0].config,
        batch_size=options.batch_size,
        max_batches=options.batches,
        metric_freq=0,
        metric_untrained=False,
        vis_freq=0,
    )
    calls = []  # of the compiled step: start and end, in seconds
    compile_block = engine.compile_block

    def timed_block(*arguments):
        step = compile_block(*arguments)

        def call(*arrays):
            start = time.perf_counter()
            report = step(*arrays)
            calls.append((start, time.perf_counter()))
            return report

        return call

    engine.compile_block = timed_block
    dataset = experiment.load(config, print)
    with tempfile.TemporaryDirectory() as folder:
        loop.train(experiment.build(config), dataset, Path(folder) / "run")
    starts, ends = np.array(calls[_WARM_UP:]).T
    step = (ends - starts)[:-1].sum() / (len(starts) - 1)
    whole = (starts[-1] - starts[0]) / (len(starts) - 1)
    print(
        f"{options.experiment}, batch {options.batch_size}: {whole * 1e3:.1f} ms an iteration, of "
        f"which the compiled step {step * 1e3:.1f} ms; everything else {1 - step / whole:.1%}"
    )


if __name__ == "__main__":
    main()
