"""What an accelerator would run: the compiled program of a block, read without an accelerator.

JAX translates a program for a GPU ("cuda") on a machine that has none.
"""

import dataclasses
import functools
import re
from collections import Counter

import numpy as np
import pytest

from disentanglement import engine

if engine.NAME != "JAX":
    pytest.skip("only JAX shows its programs", allow_module_level=True)

import jax

from disentanglement.algorithms.model import Model
from disentanglement.engine.jax_memory import peak
from disentanglement.training import memory
from disentanglement.training.feed import Feed
from tests import tiny
from tests.experiments import load

BATCHES, BATCH = 3, 4
CONTRASTIVE = 13  # the contrastive term is on from batch 12 of the tiny run


def infogan_cr(run=3, **changes):
    return tiny.build(run=run, **changes)


def factor_vae(run=3, **changes):
    experiment = load("FactorVAE_dSprites")
    config = experiment.grid().tasks[0].config
    return experiment.build(dataclasses.replace(config, run=run, batch_size=BATCH, **changes))


def annealed_vae(run=3, **changes):
    experiment = load("VAE_dSprites")
    tasks = experiment.grid().tasks
    config = next(task.config for task in tasks if task.config.objective == "annealed_vae")
    return experiment.build(dataclasses.replace(config, run=run, batch_size=BATCH, **changes))


# A model, how many of them, the first batch of the block, and what an iteration draws.
CODES, PAIR = [(BATCH, 5)], [(BATCH, 5), (BATCH, 5), (BATCH,), ()]
CASES = {
    "InfoGAN-CR, before": (infogan_cr, 1, 0, CODES),
    "InfoGAN-CR, after": (infogan_cr, 1, CONTRASTIVE, CODES + PAIR),
    "InfoGAN-CR, two runs": (infogan_cr, 2, CONTRASTIVE, CODES + PAIR),
    "FactorVAE": (factor_vae, 1, 0, [(BATCH, 10)] * 3),
    "FactorVAE, two runs": (factor_vae, 2, 0, [(BATCH, 10)] * 3),
    "AnnealedVAE, two runs": (annealed_vae, 2, 0, [(BATCH, 10), ()]),
}


@functools.cache
def models(build, count, tf32=False):
    images = Feed(tiny.Bars(), on_device=True)
    found = [build(run=run, tf32=tf32) for run in range(count)]
    for model in found:
        model.connect(images)
    return found


def block(build, count, first, tf32=False, batches=BATCHES):
    rows = [np.zeros((batches, BATCH), int)] * count
    return Model.block(models(build, count, tf32), rows, first)


@functools.cache
def lowered(case, tf32=False):
    """The block's program for a GPU, before its compilation."""
    build, count, first, _ = CASES[case]
    compiled, arrays = block(build, count, first, tf32)
    return compiled.trace(*arrays).lower(lowering_platforms=("cuda",))


def shapes(values):
    return [(value.shape, str(value.dtype)) for value in jax.tree.leaves(values)]


def state(case):
    build, count, *_ = CASES[case]
    return [v.value for model in models(build, count) for v in model.variables]


@pytest.mark.parametrize("case", CASES)
def test_nothing_calls_back_to_the_host(case):
    text = lowered(case).as_text()
    assert "stablehlo.convolution" in text
    assert not re.findall(r"callback|infeed|outfeed|stablehlo\.(?:send|recv)", text)
    assert not re.findall(r"custom_call @\S+", text)


def test_the_test_above_would_find_a_callback():
    def step(x):
        jax.debug.callback(print, x)
        return x + 1

    assert "callback" in jax.jit(step).lower(np.float32(1)).as_text()


@pytest.mark.parametrize("case", CASES)
def test_the_whole_state_is_donated_and_nothing_else(case):
    own, constants, arrays = lowered(case).args_info[0]
    assert shapes(own) == shapes(state(case))
    assert all(info.donated for info in jax.tree.leaves(own))
    assert not any(info.donated for info in jax.tree.leaves((constants, arrays)))
    # Every variable's memory becomes that of a result (known before compilation), or of anything.
    marks = Counter(re.findall(r"tf\.aliasing_output|jax\.buffer_donor", lowered(case).as_text()))
    assert marks.total() == len(state(case))


@pytest.mark.parametrize("case", CASES)
def test_only_image_numbers_and_draws_go_in(case):
    _, count, _, drawn = CASES[case]
    _, constants, arrays = lowered(case).args_info[0]
    assert shapes(constants) == [((64, 64, 64, 1), "uint8")]  # all images, on the device
    numbers, *others = shapes(arrays)
    axes = (BATCHES,) if count == 1 else (count, BATCHES)
    assert numbers == ((*axes, BATCH), "int32")
    assert [shape for shape, _ in others] == [(*axes, *shape) for shape in drawn]


@pytest.mark.parametrize("case", CASES)
def test_only_reports_come_out(case):
    _, count, *_ = CASES[case]
    reports, own = lowered(case).out_info
    assert shapes(own) == shapes(state(case))
    axes = (BATCHES,) if count == 1 else (count, BATCHES)
    for shape, _ in shapes(reports):
        assert shape[: len(axes)] == axes
        assert np.prod(shape[len(axes) :]) <= 10  # a number, or one for each code


@pytest.mark.parametrize("case", CASES)
def test_the_iterations_are_one_loop(case):
    """Not copies of the iteration, and not one call each."""
    assert lowered(case).as_text().count("stablehlo.while") == 1


@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("case", ["InfoGAN-CR, after", "FactorVAE, two runs"])
def test_every_product_has_the_precision_of_the_config(case, tf32):
    text = lowered(case, tf32).as_text()
    products = re.findall(r"stablehlo\.(?:convolution|dot_general)\b.*", text)
    assert len(products) > 50
    name = "HIGH" if tf32 else "HIGHEST"
    for product in products:
        assert re.findall(r"\b(?:DEFAULT|HIGH|HIGHEST)\b", product) == [name, name]


def test_scores_are_computed_in_full_float32_even_with_tf32():
    model = models(infogan_cr, 1, tf32=True)[0]
    step = jax.jit(lambda images: model.encoder(images, training=False))
    text = step.lower(np.zeros((2, 64, 64, 1), np.float32)).as_text()
    assert "HIGHEST" in text
    assert not re.findall(r"\b(HIGH|DEFAULT)\b", text)


@pytest.mark.slow
def test_a_block_transfers_nothing_but_its_arrays_and_reports():
    """Also between its iterations: a guard makes any other transfer an error."""
    compiled, arrays = block(infogan_cr, 1, 0)
    compiled(*arrays)  # compiles
    held = compiled._compiled._cache_size()
    with jax.transfer_guard("disallow"):
        compiled(*arrays)
    assert compiled._compiled._cache_size() == held == 1  # one program, one call
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match="[Dd]isallowed"):
        compiled._compiled(*compiled._held(), arrays)  # NumPy's arrays, not sent explicitly


def test_peak_memory_of_a_known_program():
    def step(x):  # 4,000 bytes
        a = x + 1
        b = a * 2  # a is free after this
        c = b[:10] - 1  # 40 bytes, b is free after this
        return jax.lax.scan(lambda s, _: (s + (c * s).sum(), s), c[0], length=25)

    program = jax.jit(step).trace(np.zeros(1000, np.float32)).jaxpr.jaxpr
    inner = program.eqns[0].params["jaxpr"].jaxpr if len(program.eqns) == 1 else program
    assert peak(inner) == peak(program) == 8000


@pytest.mark.slow
@pytest.mark.parametrize("case", ["InfoGAN-CR, before", "FactorVAE, two runs"])
def test_the_predicted_memory_is_near_the_compilers(case):
    """XLA for the CPU, which also copies arrays into the order that its convolutions want."""
    build, count, first, _ = CASES[case]
    compiled, arrays = block(build, count, first)
    predicted = compiled.memory(*arrays)
    found = compiled.trace(*arrays).lower().compile().memory_analysis()
    inputs = predicted.state + predicted.constants + sum(array.nbytes for array in arrays)
    assert found.argument_size_in_bytes == pytest.approx(inputs, rel=0.01)
    assert found.alias_size_in_bytes == pytest.approx(predicted.state, rel=0.01)
    assert 0.5 < predicted.temporary / found.temp_size_in_bytes < 2


def test_memory_grows_with_the_runs():
    one, two = (block(factor_vae, n, 0)[0].memory(*block(factor_vae, n, 0)[1]) for n in (1, 2))
    assert two.state == 2 * one.state
    assert two.constants == one.constants == 64**3
    assert 1.5 * one.temporary < two.temporary < 4 * one.temporary


def test_memory_is_announced_in_one_line_before_training(caplog, monkeypatch):
    pair = models(factor_vae, 2)
    with caplog.at_level("INFO"):
        memory.announce(pair[:1], 1, 100)
        assert not caplog.messages  # one run on a CPU
        memory.announce(pair, 1, 100)
    (line,) = caplog.messages
    assert line.startswith("2 runs will take about ")
    assert "0.2 GB for weights and optimisers, 1 MB for the data" in line
    assert "0.2 GB to encode" in line  # an activation: 512 x 32 x 32 x 32 numbers in, as many out
    monkeypatch.setattr(engine, "memory_limit", lambda: 10**6)
    memory.announce(pair, 1, 100)
    assert "more than the 1 MB" in caplog.messages[-1]
    assert "a smaller --stack or a smaller batch_size" in caplog.messages[-1]


def test_an_accelerator_encodes_larger_batches(caplog, monkeypatch):
    (model,) = models(factor_vae, 1)
    monkeypatch.setattr(engine, "has_accelerator", lambda: True)
    with caplog.at_level("INFO"):
        memory.announce([model], BATCHES, 100)
    (line,) = caplog.messages
    assert line.startswith("1 run will take about 1.2 GB of the device's memory")
    assert "1.1 GB to encode" in line
