"""Time a training iteration on every engine, and compare it with PyTorch and a matrix product.

    python benchmarks/train_step.py [--engines tensorflow,jax,torch] [--batch-sizes 32,128]

Each engine runs in its own process; they take turns. Each times the dSprites iteration (batch 64)
of InfoGAN-CR before and after the contrastive term is switched on, FactorVAE's (not on PyTorch),
and its own float32 matrix product. First, every engine runs one iteration from the
same weights, and their losses must agree.

flops.py counts the FLOPs. The report's lower bound is the time they would take at the speed of the
fastest matrix product.
"""

import argparse
import dataclasses
import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import flops
import numpy as np

from disentanglement.experiments.load import load

ENGINES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch, eager"}
BATCH, MATRIX, IMAGES = 64, 2048, 512
KINDS = {
    "before": "InfoGAN-CR before the contrastive term is switched on",
    "after": "InfoGAN-CR after",
    "factor_vae": "FactorVAE",
}
LOSSES = (
    "discriminator/real",
    "discriminator/fake",
    "discriminator/log_q",
    "generator/fake",
    "generator/log_q",
    "generator/contrastive",
    "cr_discriminator/loss",
)


# ---- in an engine's process ----------------------------------------------------------------------


class KerasWorker:
    """Runs this project's iteration on one of its engines."""

    def __init__(self):
        from disentanglement import engine

        self.engine, self.device = engine, ", ".join(engine.devices())
        self.models = [self._build("InfoGAN-CR_dSprites", cr_coe_increase_batch=1000)]
        self.model = self.models[0]
        self.factor_vae = self._build("FactorVAE_dSprites")
        self.square = engine.compile_step(lambda a: (a @ a)[0], [])

    def _build(self, experiment, **changes):
        from disentanglement.data.dsprites.dataset import DSprites
        from disentanglement.training.feed import Feed

        model = load(experiment).build(_config(experiment, **changes))
        bits = np.random.default_rng(0).integers(0, 256, (IMAGES, 512), np.uint8)
        model.connect(Feed(DSprites(bits), self.engine.has_accelerator()))
        return model

    def flops(self):
        before, after = flops.infogan_cr(self.model)
        return {"before": before, "after": after, "factor_vae": flops.factor_vae(self.factor_vae)}

    def save(self, path):
        from disentanglement.training import checkpoint

        checkpoint.save(Path(path), self.model, {})

    def losses(self, path, inputs):
        from disentanglement.algorithms.latent import Pair
        from disentanglement.training import checkpoint

        checkpoint.restore(Path(path), self.model)
        images, z, *pair = inputs

        def step(images, z, *pair):
            return self.model.iteration(images, z, Pair(*pair), 2.0, True)

        return self.engine.compile_step(step, self.model.variables)(images, z, *pair)

    def run(self, kind, batch):
        if kind == "product":
            return self.square(_matrix())
        rows = np.resize(np.arange(IMAGES), (1, batch))
        model = self.factor_vae if kind == "factor_vae" else self.model
        return model.train_block(rows, 1001 if kind == "after" else 1)

    def stack(self, n):
        while len(self.models) < n:
            self.models.append(self._build("InfoGAN-CR_dSprites", cr_coe_increase_batch=1000))
        rows = [np.resize(np.arange(IMAGES), (1, BATCH))] * n
        self.model.train_stack(self.models[:n], rows, 1)


class TorchWorker:
    """Runs the plain eager version in torch_step.py."""

    def __init__(self):
        import torch
        from torch_step import Step

        place = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.cuda.get_device_name() if place == "cuda" else "CPU"
        config = _config("InfoGAN-CR_dSprites", cr_coe_increase_batch=1000)
        self.torch, self.step = torch, Step(config, place)
        self.rng = np.random.default_rng(0)
        self.images = (self.rng.random((IMAGES, 64, 64, 1)) > 0.9).astype(np.float32)

    def losses(self, path, inputs):
        self.step.load(path)
        images, z, *pair = inputs
        return self.step.iteration(images, z, pair, 2.0)

    def run(self, kind, batch):
        if kind == "product":
            matrix = self.torch.from_numpy(_matrix()).to(self.step.device)
            return (matrix @ matrix)[0].cpu()
        draw = lambda: self.rng.uniform(-1, 1, (batch, 10)).astype(np.float32)  # noqa: E731
        images = self.images[np.resize(np.arange(IMAGES), batch)]
        pair = (draw(), draw(), self.rng.integers(0, 5, batch)) if kind == "after" else None
        return self.step.iteration(images, draw(), pair, 2.0)


def serve(engine):
    """Serve the parent's requests; each request and each reply is a line of JSON."""
    replies, sys.stdout = sys.stdout, sys.stderr
    worker = TorchWorker() if engine == "torch" else KerasWorker()

    def time_of(function, steps):
        start = time.perf_counter()
        for _ in range(steps):
            function()
        return (time.perf_counter() - start) / steps

    handlers = {
        "hello": lambda: worker.device,
        "flops": lambda: worker.flops(),
        "save": lambda path: worker.save(path),
        "losses": lambda path: {
            name: float(np.squeeze(value))
            for name, value in worker.losses(path, _inputs()).items()
            if name in LOSSES
        },
        "time": lambda kind, batch, steps: time_of(lambda: worker.run(kind, batch), steps),
        "stack": lambda n, steps: time_of(lambda: worker.stack(n), steps),
    }
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(handlers[name](*arguments)), file=replies, flush=True)


def _config(experiment, **changes):
    return dataclasses.replace(load(experiment).grid().tasks[0].config, **changes)


@functools.cache
def _matrix():
    return np.random.default_rng(0).standard_normal((MATRIX, MATRIX)).astype(np.float32)


def _inputs():
    rng = np.random.default_rng(1)
    images = (rng.random((BATCH, 64, 64, 1)) > 0.9).astype(np.float32)
    z, first, second = rng.uniform(-1, 1, (3, BATCH, 10)).astype(np.float32)
    return images, z, first, second, rng.integers(0, 5, BATCH).astype(np.int32)


# ---- the parent ----------------------------------------------------------------------------------


class Engine:
    """An engine's process."""

    def __init__(self, name):
        self.name = ENGINES[name]
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", name],
            env=os.environ | ({} if name == "torch" else {"KERAS_BACKEND": name}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *request):
        """Send a request and return the reply."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = self.process.stdout.readline()
        if not reply:
            sys.exit(f"{self.name}: the process failed; see above")
        return json.loads(reply)


def compare_losses(engines):
    """Run one iteration from the same weights on each engine; exit if the losses disagree."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "weights.npz")
        engines[0].ask("save", path)
        results = [engine.ask("losses", path) for engine in engines]
    reference = results[0]
    for engine, losses in zip(engines, results, strict=True):
        worst = max(abs(losses[name] - reference[name]) for name in LOSSES)
        print(f"{engine.name:15} losses of one iteration within {worst:.1e} of {engines[0].name}")
        # Adam's first step is +-lr even for tiny gradients, so rounding matters; and PyTorch's
        # leaky ReLU has a different gradient at 0.
        if worst > 5e-3:
            sys.exit(f"{engine.name} computes something else: {losses}, not {reference}")


def in_turns(jobs, rounds):
    """Run jobs, which return seconds, in turns; return the median of each, by key."""
    for run in jobs.values():
        run()  # compiles
    seconds = {key: [] for key in jobs}
    for _ in range(rounds):
        for key, run in jobs.items():
            seconds[key].append(run())
    return {key: float(np.median(times)) for key, times in seconds.items()}


def report(engines, options):
    steps, image = options.steps, engines[0].ask("flops")
    count = {"product": 2 * MATRIX**3} | {kind: BATCH * n for kind, n in image.items()}
    seconds = in_turns(
        {
            (engine.name, kind): lambda e=engine, k=kind: e.ask("time", k, BATCH, steps)
            for kind in ("product", *KINDS)
            for engine in engines
            if (engine.name, kind) != (ENGINES["torch"], "factor_vae")
        },
        options.rounds,
    )
    peak = max(count["product"] / seconds[engine.name, "product"] for engine in engines)
    first = engines[0].name
    print(f"\nbatch {BATCH}; median of {options.rounds} rounds of {steps}, in turns")
    for kind in KINDS:
        bound = count[kind] / peak
        print(f"{KINDS[kind]}: {count[kind] / 1e9:.2f} GFLOP, at least {bound * 1e3:.1f} ms here")
        for engine in engines:
            if (engine.name, kind) not in seconds:
                continue
            mine = seconds[engine.name, kind]
            share, ratio = bound / mine, mine / seconds[first, kind]
            print(
                f"  {engine.name:15} {mine * 1e3:8.1f} ms  {share:.2f} of the fastest matrix "
                f"product's speed  {ratio:5.2f} times {first}'s time"
            )
    speeds = (
        f"{e.name} {count['product'] / seconds[e.name, 'product'] / 1e9:.0f}" for e in engines
    )
    print(f"matrix products, GFLOP/s: {', '.join(speeds)}")
    if options.batch_sizes:
        report_growth(engines[0], options)
    stackers = [engine for engine in engines if engine.name == "JAX"]
    if options.stack and stackers:
        report_stacks(stackers[0], options)


def report_growth(engine, options):
    sizes = [BATCH, *options.batch_sizes]
    print("\nmilliseconds and images/s by batch size, before and after the contrastive term")
    jobs = {
        (kind, size): lambda k=kind, s=size: engine.ask("time", k, s, 2)
        for size in sizes
        for kind in ("before", "after")
    }
    seconds = in_turns(jobs, options.rounds)
    for size in sorted(sizes):
        rates = (f"{size / seconds[kind, size]:7.0f}" for kind in ("before", "after"))
        times = (f"{seconds[kind, size] * 1e3:7.1f} ms" for kind in ("before", "after"))
        print(f"  {engine.name:12} batch {size:4}  {' '.join(times)}   {' '.join(rates)}")


def report_stacks(engine, options):
    print("\nruns trained together (before the contrastive term, one iteration a call)")
    jobs = {n: lambda n=n: engine.ask("stack", n, 1) for n in (1, *options.stack)}
    seconds = in_turns(jobs, options.rounds)
    for n, mine in seconds.items():
        gain = n * seconds[1] / mine
        print(f"  {engine.name} {n:2} runs  {mine * 1e3:8.1f} ms  {gain:.2f} times the throughput")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = lambda text: [int(part) for part in text.split(",") if part]  # noqa: E731
    installed = [name for name in ENGINES if importlib.util.find_spec(name)]
    parser.add_argument(
        "--engines",
        type=lambda text: text.split(","),
        default=installed,
        help=f"from {', '.join(ENGINES)}; the others are compared with the first "
        "(default: those installed)",
    )
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each (default: 7)")
    parser.add_argument("--steps", type=int, default=3, help="iterations each (default: 3)")
    parser.add_argument("--batch-sizes", type=numbers, default=[], help="e.g. 16,32,128,256")
    parser.add_argument("--stack", type=numbers, default=[], help="runs at once (JAX), e.g. 2,4")
    parser.add_argument("--worker", choices=ENGINES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return serve(options.worker)
    if options.engines[0] == "torch" or not set(options.engines) <= set(ENGINES):
        parser.error(
            "--engines: the first must be tensorflow or jax, the others tensorflow, jax or torch"
        )
    for name in sorted(set(ENGINES) - set(installed)):
        print(f"{ENGINES[name]} is not installed (pip install -e '.[bench]')")
    engines = [Engine(name) for name in options.engines]
    for engine in engines:
        print(f"{engine.name:15} on {engine.ask('hello')}")
    compare_losses(engines)
    report(engines, options)


if __name__ == "__main__":
    main()
