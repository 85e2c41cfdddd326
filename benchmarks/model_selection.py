"""Time what choosing a model without labels takes: generating, encoding, the FactorVAE metric, UDR.

    python benchmarks/model_selection.py [--images 20000]

With untrained networks, which are as fast as trained ones. Prints images a second, and the time
that 10 and 40 runs would take at this speed.
"""

import argparse
import resource
import time

import numpy as np

from disentanglement import engine
from disentanglement.evaluation.generated_sets import SetSize, draw_latents
from disentanglement.experiments.load import load
from disentanglement.metrics.factor_vae_metric import factor_vae
from disentanglement.selection.udr import udr

CHUNK, MATRIX = 4096, 2048
RUNS = (10, 40)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000, help="(default: 20000)")
    options = parser.parse_args()
    matrix = np.random.default_rng(0).standard_normal((MATRIX, MATRIX)).astype(np.float32)
    product = engine.compile_step(lambda a: (a @ a)[0], [])
    times = [timed(lambda: product(matrix)) for _ in range(10)]
    print(
        f"{engine.NAME}, {', '.join(engine.devices())}: a matrix product reaches "
        f"{2 * MATRIX**3 / min(times) / 1e9:.0f} GFLOP/s"
    )
    for name in ("InfoGAN-CR_dSprites", "FactorVAE_dSprites"):
        measure(name, options.images)
    rng = np.random.default_rng(0)
    for count, latents in ((10, 5), (40, 10)):
        codes = [rng.standard_normal((1000, latents)) for _ in range(count)]
        for method in ("lasso", "spearman"):
            seconds = timed(lambda c=codes, m=method: udr(c, m))
            print(f"UDR {method}, {count} runs of {latents} latents: {seconds:.1f} s")


def measure(name, count):
    experiment = load(name)
    start = time.perf_counter()
    model = experiment.build(experiment.grid().tasks[0].config)
    model.encode(model.generate(model.latent.sample(np.random.default_rng(0), 2)))
    build = time.perf_counter() - start
    whole = SetSize.of(model.latent.num_codes, experiment.num_images)
    latents, labels = draw_latents(model.latent, 0, whole)
    generating = encoding = 0.0
    for first in range(0, count, CHUNK):
        start = time.perf_counter()
        images = model.generate(latents[first : first + CHUNK])
        generating += time.perf_counter() - start
        start = time.perf_counter()
        model.encode(images)
        encoding += time.perf_counter() - start
    generating, encoding = (
        seconds / len(range(0, count, CHUNK)) / CHUNK for seconds in (generating, encoding)
    )
    groups = np.random.default_rng(0).standard_normal(
        (whole.groups, whole.group_size, model.latent.num_codes)
    )
    score = timed(lambda: factor_vae(groups, labels, groups[:, 0]))
    gigabytes = whole.images * images[0].nbytes / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{name}: generating {1 / generating:,.0f} images/s, encoding {1 / encoding:,.0f}; "
        f"building a model {build:.1f} s, scoring codes {score:.2f} s; a set has {whole.images:,} "
        f"images, {gigabytes:.2f} GB; peak memory here {peak:.2f} GB"
    )
    for runs in RUNS:
        cell = whole.images * encoding + build + score
        seconds = runs * whole.images * generating + runs**2 * cell
        print(f"  {runs} runs: {seconds / 3600:.2f} h")


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
