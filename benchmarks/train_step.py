"""How fast is a training iteration, and how much of what this machine can do is that?

    python benchmarks/train_step.py

Times the dSprites iteration (batch 64) before and after the contrastive term sets in, and a
float32 matrix product, in turns in one process. FLOPs counted: the multiply-adds of convolutions
and dense layers that the algorithm asks for, times two; all else (activations, batch norm,
spectral norm, Adam) counts as nothing, so the ratio is a lower bound on the work done.
"""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "InfoGAN-CR_dSprites"))

from disentanglement import engine, grid  # noqa: E402
from disentanglement.data.dsprites import DSprites  # noqa: E402
from disentanglement.feed import Feed  # noqa: E402
from experiment import EXPERIMENT  # noqa: E402
from gan import infogan_cr  # noqa: E402

ROUNDS, STEPS = 7, 5
MATRIX = 2048


def macs(network):
    """Multiply-adds of one image's forward pass: (first layer with weights, all layers)."""
    counts = []
    for layer in network.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        # A convolution meets its kernel at every output pixel, a transposed one at every input.
        pixels = layer.input.shape if "Transpose" in type(layer).__name__ else layer.output.shape
        area = int(np.prod(pixels[1:3])) if len(kernel.shape) == 4 else 1
        counts.append(area * int(np.prod(kernel.shape)))
    return counts[0], sum(counts)


def flops(model, batch_size):
    """FLOPs of an iteration: (before the contrastive term sets in, after)."""
    g1, g = macs(model.generator)
    d1, d = macs(model.discriminator)
    h1, h = macs(model.cr_discriminator)
    # A network that learns costs forward + weight gradient + input gradient but for its first
    # layer; one that is only passed through costs forward + input gradient.
    d_step = g + 2 * (d + d + (d - d1))
    g_step = g + (d + d) + g + (g - g1)
    h_step = 2 * g + h + h + (h - h1)
    g_pair = 2 * g + (h + h) + 2 * (g + (g - g1))
    before = d_step + 2 * g_step
    after = before + h_step + 2 * g_pair
    return 2 * batch_size * before, 2 * batch_size * after


def main():
    path = EXPERIMENT.folder / "config.py"
    config = grid.load(path, EXPERIMENT.schema, EXPERIMENT.num_images).tasks[0].config
    model = infogan_cr.build(dataclasses.replace(config, cr_coe_increase_batch=1000))
    model.connect(
        Feed(DSprites(np.random.default_rng(0).integers(0, 256, (64, 512), np.uint8)), False)
    )
    rows = np.arange(64)[None]
    matrix = np.random.default_rng(0).standard_normal((MATRIX, MATRIX)).astype(np.float32)
    product = engine.compile_step(lambda a: (a @ a)[0], [])
    work = {
        "matrix product": (lambda: product(matrix), 2 * MATRIX**3),
        "before the rise": (lambda: model.train_block(rows, 1), flops(model, 64)[0]),
        "after the rise": (lambda: model.train_block(rows, 1001), flops(model, 64)[1]),
    }
    seconds = {name: [] for name in work}
    for run, _ in work.values():
        run()
    for _ in range(ROUNDS):
        for name, (run, _) in work.items():
            start = time.perf_counter()
            for _ in range(STEPS):
                run()
            seconds[name].append((time.perf_counter() - start) / STEPS)
    print(f"{', '.join(engine.devices())}; median of {ROUNDS} rounds of {STEPS}, in turns")
    speed = {name: work[name][1] / np.median(times) / 1e9 for name, times in seconds.items()}
    for name, times in seconds.items():
        share = speed[name] / speed["matrix product"]
        print(
            f"{name:16} {np.median(times) * 1e3:7.1f} ms  {work[name][1] / 1e9:6.2f} GFLOP"
            f"  {speed[name]:6.1f} GFLOP/s  {share:.2f} of the matrix product"
        )


if __name__ == "__main__":
    main()
