"""Time an iteration of each experiment and compare it with a matrix product on this machine.

    python benchmarks/experiments.py [--seconds 20]

Runs in one process on the engine of KERAS_BACKEND, with the paper's batch sizes and random images.
train_step.py compares the engines.
"""

import argparse
import time

import flops
import numpy as np

from disentanglement import engine
from disentanglement.algorithms.infogan_cr import InfoGANCR
from disentanglement.data.celeba.dataset import CelebA
from disentanglement.data.teapots.dataset import Teapots
from disentanglement.experiments.load import load
from disentanglement.training.feed import Feed

IMAGES, MATRIX = 512, 2048


def teapots(pixels):
    """Return a teapot data set with these training images."""
    return Teapots(pixels, np.zeros((IMAGES, 1)), pixels[None, :1], np.zeros(1), ["none"])


EXPERIMENTS = {
    "InfoGAN-CR_3D_teapot": teapots,
    "FactorVAE_3D_teapot": teapots,
    "InfoGAN-CR_CelebA": CelebA,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="time for each job (default: 20)")
    options = parser.parse_args()
    matrix = np.random.default_rng(0).standard_normal((MATRIX, MATRIX)).astype(np.float32)
    product = engine.compile_step(lambda a: (a @ a)[0], [])
    jobs = {("matrix product", 2 * MATRIX**3): lambda: product(matrix)}
    for name in EXPERIMENTS:
        jobs |= iterations(name)
    times = {job: [] for job in jobs}
    for run in jobs.values():
        run()  # compiles
    end = time.perf_counter() + options.seconds * len(jobs)
    while time.perf_counter() < end:  # in turns, so that a busy moment affects all
        for job, run in jobs.items():
            start = time.perf_counter()
            run()
            times[job].append(time.perf_counter() - start)
    (_, product_flops), *_ = jobs
    peak = product_flops / min(times[next(iter(jobs))])
    print(f"{engine.NAME}, {', '.join(engine.devices())}: {peak / 1e9:.0f} GFLOP/s at best")
    for (name, count), seconds in times.items():
        median = float(np.median(seconds))
        print(
            f"{name}: {median * 1000:.0f} ms (median of {len(seconds)}), {count / 1e9:.1f} GFLOP, "
            f"{count / median / peak:.2f} of the best product's speed"
        )


def iterations(name):
    """Return the experiment's jobs: (label, FLOPs) -> a function that runs one iteration."""
    experiment, make_dataset = load(name), EXPERIMENTS[name]
    config = experiment.grid().tasks[0].config
    model = experiment.build(config)
    image_shape = model.generate(model.latent.sample(np.random.default_rng(0), 1)).shape[1:]
    rng, size = np.random.default_rng(0), config.batch_size
    pixels = rng.integers(0, 256, (IMAGES, *image_shape), dtype=np.uint8)
    model.connect(Feed(make_dataset(pixels), engine.has_accelerator()))
    rows = np.resize(np.arange(IMAGES), (1, size))
    if not isinstance(model, InfoGANCR):
        return {(name, size * flops.factor_vae(model)): lambda: model.train_block(rows, 1)}
    before, after = flops.infogan_cr(model)
    late = config.cr_coe_increase_batch + 1
    return {
        (f"{name}, before the contrastive term", size * before): lambda: model.train_block(rows, 1),
        (f"{name}, after", size * after): lambda: model.train_block(rows, late),
    }


if __name__ == "__main__":
    main()
