"""How long does an iteration of each experiment take, against this machine's matrix product?

    python benchmarks/experiments.py [--seconds 20]

One process, on the engine of KERAS_BACKEND; the paper's batch sizes, images of noise. For the
comparison of engines see train_step.py.
"""

import argparse
import time

import flops
import numpy as np

from disentanglement import engine
from disentanglement.data.celeba.dataset import CelebA
from disentanglement.data.teapots.dataset import Teapots
from disentanglement.experiments.load import load
from disentanglement.training.feed import Feed

IMAGES, MATRIX = 512, 2048


def teapots(pixels):
    return Teapots(pixels, np.zeros((IMAGES, 1)), pixels[None, :1], np.zeros(1), ["none"])


EXPERIMENTS = {
    "InfoGAN-CR_3D_teapot": teapots,
    "FactorVAE_3D_teapot": teapots,
    "InfoGAN-CR_CelebA": CelebA,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="per measurement (default: 20)")
    options = parser.parse_args()
    matrix = np.random.default_rng(0).standard_normal((MATRIX, MATRIX)).astype(np.float32)
    product = engine.compile_step(lambda a: (a @ a)[0], [])
    jobs = {("matrix product", 2 * MATRIX**3): lambda: product(matrix)}
    for name in EXPERIMENTS:
        jobs |= iterations(name)
    times = {job: [] for job in jobs}
    for run in jobs.values():  # compile
        run()
    end = time.perf_counter() + options.seconds * len(jobs)
    while time.perf_counter() < end:  # in turns, so that a busy moment hits all
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
    """(what, FLOPs) -> a function that takes one iteration."""
    experiment, dataset = load(name), EXPERIMENTS[name]
    paper = experiment.grid().tasks[0].config
    model = experiment.build(paper)
    channels_last = model.generate(model.latent.sample(np.random.default_rng(0), 1)).shape[1:]
    rng, size = np.random.default_rng(0), paper.batch_size
    pixels = rng.integers(0, 256, (IMAGES, *channels_last), dtype=np.uint8)
    model.connect(Feed(dataset(pixels), engine.has_accelerator()))
    rows = np.resize(np.arange(IMAGES), (1, size))
    if not hasattr(model, "schedule"):
        return {(name, size * flops.factor_vae(model)): lambda: model.train_block(rows, 1)}
    before, after = flops.infogan_cr(model)
    late = paper.cr_coe_increase_batch + 1
    return {
        (f"{name}, before the term", size * before): lambda: model.train_block(rows, 1),
        (f"{name}, after", size * after): lambda: model.train_block(rows, late),
    }


if __name__ == "__main__":
    main()
