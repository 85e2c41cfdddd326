"""Check the Ray launcher on a real Ray cluster of two nodes, on this machine.

pip install -e '.[ray]'
python -m benchmarks.cluster.ray [--tasks 200] [--only CHECK ...]
"""

import os
import signal
import tempfile
from pathlib import Path

from ray.cluster_utils import Cluster

from benchmarks.cluster.common import (
    LENGTH,
    Main,
    chosen,
    compared,
    fresh,
    grid,
    load,
    same,
    stacked_and_scored,
    training,
)


def plain(cluster, ray, experiment, local):
    print("two tasks on two nodes", flush=True)
    Main(experiment, *ray, *LENGTH, "--threads", "1").end()
    same(experiment, local)
    compared(experiment, local, *ray, "--threads", "1")


def lost_node(cluster, ray, experiment, local):
    print("a node is killed in the middle", flush=True)
    fresh(experiment)
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    main = Main(experiment, *ray, *LENGTH, "--threads", "1")
    training(experiment, 3)
    training(experiment, 4)
    cluster.remove_node(node, allow_graceful=False)
    output = main.end()
    assert "its node is lost; it is started again" in output, output
    print("  " + next(line for line in output.splitlines() if "lost" in line), flush=True)
    same(experiment, local)


def stacked(cluster, ray, experiment, local):
    stacked_and_scored(experiment.parents[1], *ray, "--threads", "1")


def stopped(cluster, ray, experiment, local):
    print("Ctrl-C in the middle, and the same command again", flush=True)
    fresh(experiment)
    main = Main(experiment, *ray, *LENGTH, "--threads", "1")
    training(experiment)
    main.process.send_signal(signal.SIGINT)
    main.end(130)
    assert "saved in" in (experiment / "results/run-3,/worker.log").read_text()
    Main(experiment, *ray, *LENGTH, "--threads", "1").end()
    same(experiment, local)


def mistakes(cluster, ray, experiment, local):
    print("mistakes, a line each", flush=True)
    fresh(experiment)
    for words in (
        ("ray_address=127.0.0.1:1",),
        ("ray_cpus=many",),
        ("ray_cpus=64",),
    ):
        options = [each for word in words for each in ("--set", word)]
        output = Main(experiment, *ray, *LENGTH, *options).end(2)
        print("  " + output.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    tasks, checks = chosen(__doc__, lost_node, plain, stacked, stopped, mistakes)
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100_000_000}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # What the short tasks read; the nodes' processes inherit it.
        os.environ |= {"EVENTS": str(folder / "load" / "events"), "SECONDS": "0.01"}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        ray = ("--launcher", "ray", "--set", f"ray_address={cluster.address}")
        if checks:
            experiment, local = grid(folder)
            for check in checks:
                check(cluster, ray, experiment, local)
                if check is lost_node:
                    cluster.add_node(num_cpus=1)
                    cluster.wait_for_nodes()
        if tasks:
            load(folder, tasks, *ray)
    cluster.shutdown()
