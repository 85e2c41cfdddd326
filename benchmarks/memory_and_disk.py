"""Measure the memory that dSprites takes in training, and the time and size of checkpoints.

    python benchmarks/memory_and_disk.py

Each measurement runs in a fresh process; `--one NAME` runs one in this process.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENT = ROOT / "InfoGAN-CR_dSprites"
# Shortens the paper's config; it still has both kinds of iteration, pictures, scores, checkpoints.
SHORT = {
    "run": 0, "max_batches": 40, "cr_coe_increase_batch": 20, "vis_freq": 20, "metric_freq": 20,
    "checkpoint_freq": 10,
}  # fmt: skip


def generate(folder):
    script = ROOT / "dSprites" / "generate_dsprites.py"
    start = time.perf_counter()
    run([sys.executable, script, "--out", folder / "dsprites.npz"])
    print(f"generate_dsprites.py: {time.perf_counter() - start:.1f} s, {peak()}")


def train(folder):
    words = [sys.executable, EXPERIMENT / "gan_task.py", "--work-dir", folder / "run"]
    run([*words, *(word for key, value in SHORT.items() for word in ("--set", f"{key}={value}"))])
    print(f"training on all of dSprites: {peak()}")


def checkpoints(folder):
    from disentanglement.experiments.load import load
    from disentanglement.training import checkpoint

    experiment = load(EXPERIMENT)
    model = experiment.build(experiment.grid().tasks[0].config)
    path = folder / "model.npz"
    start = time.perf_counter()
    for _ in range(10):
        checkpoint.save(path, model, {})
    saved = time.perf_counter()
    for _ in range(10):
        checkpoint.restore(path, model)
    restored = time.perf_counter()
    print(
        f"a checkpoint: {path.stat().st_size / 1e6:.1f} MB, saved in {(saved - start) * 100:.0f} "
        f"ms (flushed to disk), restored in {(restored - saved) * 100:.0f} ms"
    )


def run(words):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def peak():
    kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return f"peak memory {kilobytes / 1e6:.2f} GB"


if __name__ == "__main__":
    parts = {"generate": generate, "train": train, "checkpoints": checkpoints}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", choices=parts, help="run only this one, in this process")
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as name:
            parts[options.one](Path(name))
    else:
        for name in parts:
            subprocess.run([sys.executable, __file__, "--one", name], check=True)
