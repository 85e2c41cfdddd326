"""Measure what a run of each experiment needs: the rates in experiments/requirements.py.

    python benchmarks/requirements.py [--teapots DIR] [--batches 160] [--batch-size 32]

Each experiment trains in a fresh process, on data of the paper's size: dSprites, the teapots in DIR
(by default those in data/3Dpots), and stand-in faces, repeated to the number of CelebA's pictures.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def measure(name, teapots_folder, batches, overrides):
    from disentanglement.evaluation.evaluate import TrainingScores
    from disentanglement.experiments.load import load
    from disentanglement.networks import export
    from disentanglement.training import checkpoint, feed
    from disentanglement.training.callbacks import TensorBoard
    from disentanglement.training.position import Plan
    from disentanglement.training.sample_grids import SampleGrids

    experiment = load(name)
    is_gan = experiment.task == "gan_task"
    rise = [f"cr_coe_increase_batch={batches // 2}"] if is_gan else []
    config = experiment.grid(overrides=[*rise, *overrides]).tasks[0].config
    start = time.perf_counter()
    dataset = load_data(name, experiment, config, teapots_folder)
    print(f"{name}: data loaded in {time.perf_counter() - start:.1f} s, {peak()}")
    model = experiment.build(config)
    model.connect(feed.Feed(dataset, on_device=False))
    plan, order = Plan.of(config, len(dataset)), np.random.default_rng(0).permutation(len(dataset))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        board = TensorBoard(folder / "board", config)
        board.begin(0)
        times = []
        for i in range(batches):
            rows = np.resize(order[i * config.batch_size :], (1, config.batch_size))
            model.start_batch(i)
            start, cpu = time.perf_counter(), time.process_time()
            report = model.train_block(rows, i)
            times.append((time.perf_counter() - start, time.process_time() - cpu))
            board.batch_end(plan.position(i), {key: value[0] for key, value in report.items()})
            if i in (batches // 2 - 1, batches - 1):
                board.flush()
                size = sum(path.stat().st_size for path in (folder / "board").iterdir())
                print(f"  events: {size} bytes after {i + 1} batches")
        halves = (times[: batches // 2], times[batches // 2 :]) if is_gan else (times,)
        for part in halves:
            wall, cpu = np.array(part[4:]).T * 1000  # the first ones compile
            low, median = np.percentile(wall, (10, 50))
            print(
                f"  a batch of {config.batch_size}: {low:.0f} ms (fastest tenth), {median:.0f} ms "
                f"(median of {len(wall)}), {np.median(cpu):.0f} ms of processor time"
            )
        grids = SampleGrids(model, dataset, folder / "sample")
        for i in range(3):
            grids.epoch_end(plan.position(i))
        start, cpu = time.perf_counter(), time.process_time()
        grids.epoch_end(plan.position(3))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        size = sum(path.stat().st_size for path in (folder / "sample").iterdir()) / 4
        print(f"  sample grids: {size / 1e6:.2f} MB, {wall:.2f} s, processor time {cpu:.2f} s")
        start = time.perf_counter()
        checkpoint.save(folder / "model.npz", model, {})
        seconds = time.perf_counter() - start
        size = (folder / "model.npz").stat().st_size
        print(f"  a checkpoint: {size / 1e6:.1f} MB, {seconds:.2f} s")
        for key, network in model.exports().items():
            export.save_keras(network, folder / f"{key}.keras")
        size = sum(path.stat().st_size for path in folder.glob("*.keras"))
        print(f"  exported networks: {size / 1e6:.1f} MB")
    # The shape classifier's share is measured elsewhere.
    metrics = {k: v for k, v in experiment.metrics().training.items() if k != "sample_quality"}
    scores = TrainingScores(model, dataset, metrics)
    for _ in range(2):
        start, cpu = time.perf_counter(), time.process_time()
        found = scores()
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"  an evaluation ({', '.join(found)}): {wall:.1f} s, processor time {cpu:.1f} s")
    print(f"  {peak()}")


def load_data(name, experiment, config, teapots_folder):
    from disentanglement.data.celeba import dataset as celeba
    from disentanglement.data.celeba import faces
    from disentanglement.data.teapots import dataset as teapots

    if "teapot" in name:
        return teapots.load(teapots_folder)
    if "CelebA" in name:
        images = faces.render(faces.sample_latents(np.random.default_rng(0), 20_000))
        return celeba.CelebA(np.resize(images, (celeba.NUM_IMAGES, *images.shape[1:])))
    return experiment.load(config, print)


def peak():
    return f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"


if __name__ == "__main__":
    from disentanglement.experiments.load import folders

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teapots", type=Path, default=ROOT / "data" / "3Dpots", metavar="DIR")
    parser.add_argument("--batches", type=int, default=160, help="batches to train (default: 160)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--one", help="measure only this experiment, in this process")
    options = parser.parse_args()
    if options.one:
        measure(options.one, options.teapots, options.batches, options.set)
    else:
        for folder in folders():
            if "teapot" in folder.name and not options.teapots.exists():
                print(f"{folder.name}: left out, as {options.teapots} does not exist")
                continue
            words = [*sys.argv[1:], "--one", folder.name]
            subprocess.run([sys.executable, __file__, *words], check=True)
