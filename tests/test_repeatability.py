"""TensorFlow computes a step the same way however busy the machine is.

Its AddN begins with the first term whose memory nobody else reads any more at that moment. So the
rounding of a sum of three terms or more is fixed only if AddN alone reads each of them.
"""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from disentanglement import engine
from disentanglement.training.feed import Feed
from disentanglement.vae_config import OBJECTIVES
from tests import tiny
from tests.experiments import load

if engine.NAME != "TensorFlow":
    pytest.skip("JAX has no AddN", allow_module_level=True)

import tensorflow as tf
from tensorflow.python.eager import context

CONTRASTIVE = 13  # the contrastive term is on from batch 12 of the tiny run


def factor_vae():
    experiment = load("FactorVAE_dSprites")
    config = experiment.grid().tasks[0].config
    return experiment.build(dataclasses.replace(config, batch_size=4))


def vae(objective):
    def build():
        experiment = load("VAE_dSprites")
        tasks = experiment.grid().tasks
        config = next(task.config for task in tasks if task.config.objective == objective)
        return experiment.build(dataclasses.replace(config, batch_size=4))

    return build


def optimized_graphs(call):
    """Return the graphs that TensorFlow runs in `call`, as its optimisers leave them."""
    context.context().enable_graph_collection()
    try:
        call()
        return context.context().export_run_metadata().partition_graphs
    finally:
        context.context().disable_run_metadata()


def sums_of_shared_terms(graph):
    """Return the AddN of three terms or more that have another reader."""
    readers = Counter(name for node in graph.node for name in node.input)
    sums = [node for node in graph.node if node.op == "AddN" and node.attr["N"].i > 2]
    return [node.name for node in sums if any(readers[term] > 1 for term in node.input)]


@pytest.mark.parametrize(
    ("build", "batch"),
    [
        (tiny.build, 0),
        (tiny.build, CONTRASTIVE),
        (factor_vae, 0),
        *((vae(objective), 0) for objective in OBJECTIVES),
    ],
    ids=["InfoGAN-CR before", "InfoGAN-CR after", "FactorVAE", *OBJECTIVES],
)
def test_no_sum_of_a_step_depends_on_the_order_of_events(build, batch):
    model = build()
    model.connect(Feed(tiny.Bars(), on_device=False))
    graphs = optimized_graphs(lambda: model.train_block(np.arange(4)[None], batch))
    assert max(len(graph.node) for graph in graphs) > 500
    assert [name for graph in graphs for name in sums_of_shared_terms(graph)] == []


def test_the_check_finds_such_a_sum():
    @tf.function
    def function(x):
        terms = [x + 1.0, tf.exp(x), tf.sin(x)]
        return tf.add_n(terms), tf.cos(terms[1])

    x = tf.range(5.0)
    graphs = optimized_graphs(lambda: function(x))
    assert len([name for graph in graphs for name in sums_of_shared_terms(graph)]) == 1
