"""TensorFlow and JAX, single batches, blocks and stacks: all give the same numbers."""

import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from disentanglement import engine
from disentanglement.training import checkpoint
from disentanglement.training.feed import Feed
from disentanglement.vae_config import OBJECTIVES
from tests import tiny
from tests.experiments import ROOT
from tests.on_jax import pytest_on_jax

BATCHES = 20
BLOCKS = (4, 4, 4, 5, 3)  # the contrastive term starts after 12, the gap falls after 17


def build(**changes):
    model = tiny.build(**changes)
    model.connect(Feed(tiny.Bars(), on_device=False))
    return model


def images_of(first, n):
    """Return the image numbers [n, 4] of n batches: the same however they are split in blocks."""
    return (np.arange(first, first + n)[:, None] + 7 * np.arange(4)) % 64


def train(model, blocks=(1,) * BATCHES, start=0):
    """Train consecutive blocks and return a report per batch."""
    reports, first = [], start
    for n in blocks:
        rows = images_of(first, n)
        model.start_batch(first)
        block = model.train_block(rows, first)
        reports += [{name: value[i] for name, value in block.items()} for i in range(n)]
        first += n
    return reports


def weights(model):
    return [np.asarray(variable) for variable in model.variables]


def assert_close(ours, theirs, tolerance):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        for name in mine:
            # Rounding may turn one of the four hits; an error would show in the losses, too.
            atol = 0.26 if name.endswith("accuracy") and tolerance > 1e-4 else tolerance
            np.testing.assert_allclose(mine[name], other[name], rtol=tolerance, atol=atol)


def copy_state(source, target):
    for ours, theirs in zip(source.variables, target.variables, strict=True):
        theirs.assign(np.asarray(ours))


@pytest.mark.slow
def test_a_block_gives_what_single_batches_give():
    """Each block starts from equal weights, because XLA rounds the body of a loop differently and
    the difference grows. If an update in a block were wrong, the losses after it would show it.
    """
    one, many, first = build(), build(), 0
    for n in BLOCKS:
        copy_state(one, many)
        found, expected = train(many, (n,), start=first), train(one, (1,) * n, start=first)
        assert_close(found, expected, 1e-5 if engine.NAME == "TensorFlow" else 2e-3)
        first += n
    assert first == BATCHES


def test_images_on_the_device_and_on_the_host_give_the_same_losses():
    host, device = build(), build()
    device.connect(Feed(tiny.Bars(), on_device=True))
    assert_close(train(device, (1, 3)), train(host, (1, 3)), 1e-6)


def test_dsprites_unpacked_in_a_step():
    from disentanglement.data.dsprites.dataset import DSprites

    bits = np.random.default_rng(0).integers(0, 256, (5, 512), dtype=np.uint8)
    data = DSprites(bits)
    unpack = engine.compile_step(data.unpack, [])
    np.testing.assert_array_equal(unpack(bits), data.images(np.arange(5)))


def test_a_variable_is_one_tensor_until_it_changes():
    """So that what a step computes twice from it is computed only once."""
    learned, other = keras.Variable(3.0), keras.Variable(5.0)
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.build([learned])

    def loss():
        return learned * other, {}

    def step(x):
        before, same = learned.value, other.value
        engine.minimize(loss, optimizer, [learned])
        assert other.value is same
        assert learned.value is not before
        learned.assign(learned * x)
        engine.minimize(loss, optimizer, [learned])
        other.assign(other + 1)
        return learned.value, other.value, optimizer.iterations.value

    variables = [learned, other, *optimizer.variables]
    returned = engine.compile_step(step, variables)(np.float32(10))
    # 3 - 2.5 = 0.5; 5 - 2.5 = 2.5
    assert [float(value) for value in returned] == [2.5, 6, 2]
    assert [float(v) for v in (learned, other, optimizer.iterations)] == [2.5, 6, 2]


@pytest.mark.slow
@pytest.mark.skipif(engine.NAME != "JAX", reason="stacks need JAX")
def test_a_stack_gives_what_each_run_gives_alone():
    """Each block starts from equal weights, as above."""
    seeds, first = (3, 4, 9), 0
    stacked, alone = ([build(run=seed) for seed in seeds] for _ in range(2))
    for n in (2,) * 8 + (1, 2, 1):  # short: with batches of 4, rounding errors grow quickly
        for model, single in zip(stacked, alone, strict=True):
            copy_state(single, model)
            model.start_batch(first)
        rows = [images_of(first, n)] * len(seeds)
        blocks = type(stacked[0]).train_stack(stacked, rows, first)
        for single, block in zip(alone, blocks, strict=True):
            found = [{name: value[i] for name, value in block.items()} for i in range(n)]
            expected = train(single, (1,) * n, start=first)
            assert_close(found[:1], expected[:1], 1e-4)
            assert_close(found, expected, 1e-2)
        first += n


@pytest.mark.skipif(engine.NAME != "TensorFlow", reason="see test_compiled_block.py for JAX")
def test_only_blocks_that_ask_for_tf32_may_use_it():
    import tensorflow as tf

    allowed, seen = tf.config.experimental.tensor_float_32_execution_enabled, []

    def step(x):
        seen.append(allowed())
        return x

    one = np.zeros((1, 2), np.float32)
    engine.compile_block(step, [], [], tf32=True)(one)
    engine.compile_block(step, [], [])(one)
    engine.compile_step(step, [])(one)
    assert seen == [True, False, False]
    assert not allowed()


@pytest.mark.slow
@pytest.mark.skipif(engine.NAME == "JAX", reason="runs on JAX already")
@pytest.mark.skipif(not engine.is_installed("jax"), reason="JAX is not installed here")
def test_the_program_for_a_gpu_on_jax():
    pytest_on_jax("tests/test_compiled_block.py", "-m", "not slow")


OTHER = """
    import sys
    from pathlib import Path
    import numpy as np
    from disentanglement.training import checkpoint
    from tests.test_engines import BATCHES, build, train

    folder, model = Path(sys.argv[1]), build()
    for i in range(BATCHES):
        checkpoint.restore(folder / f"before-{i}.npz", model)
        (report,) = train(model, (1,), start=i)
        np.savez(folder / f"report-{i}.npz", **report)
    checkpoint.save(folder / "end.npz", model, {})
"""


@pytest.mark.skipif(engine.NAME == "JAX", reason="the golden tests run on JAX already")
@pytest.mark.skipif(not engine.is_installed("jax"), reason="JAX is not installed here")
def test_factor_vae_on_jax_gives_the_losses_of_the_papers_code():
    assert pytest_on_jax("tests/test_golden_factor_vae.py", "-k", "losses") == 3


@pytest.mark.slow
@pytest.mark.skipif(engine.NAME == "JAX", reason="these tests run on JAX already")
@pytest.mark.skipif(not engine.is_installed("jax"), reason="JAX is not installed here")
def test_the_vaes_on_jax_are_the_published_formulas():
    passed = pytest_on_jax("tests/test_vae.py", "-k", "formula or finite or every_term")
    assert passed == 3 * len(OBJECTIVES) + 1  # a code far away


@pytest.mark.slow
def test_both_engines_agree_step_by_step_and_read_each_others_checkpoints(tmp_path):
    """Each of 20 iterations starts from the same state on both, because rounding errors grow from
    one iteration to the next (see tests/data/README.md)."""
    other = {"TensorFlow": "jax", "JAX": "tensorflow"}[engine.NAME]
    if not engine.is_installed(other):
        pytest.skip(f"{other} is not installed here")
    model, reports = build(), []
    for i in range(BATCHES):
        checkpoint.save(tmp_path / f"before-{i}.npz", model, {})
        reports += train(model, (1,), start=i)
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OTHER), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": other},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    for i, report in enumerate(reports):
        with np.load(tmp_path / f"report-{i}.npz") as theirs:
            for name, value in report.items():
                np.testing.assert_allclose(
                    value, theirs[name], rtol=1e-4, atol=1e-4, err_msg=f"{i} {name}"
                )
    ours = weights(model)
    checkpoint.restore(tmp_path / "end.npz", model)
    for mine, theirs in zip(ours, weights(model), strict=True):
        # Adam follows the sign even of a gradient near 0, which rounding may flip.
        assert np.abs(mine - theirs).mean() < 1e-4
