"""The labelled sets that generators make for ModelCentrality."""

import resource
import signal
import types

import numpy as np
import pytest

from disentanglement.errors import UserError
from disentanglement.evaluation.generated_sets import SetSize, draw_latents, generated_set
from tests import tiny


def test_a_set_shares_a_code_in_each_group():
    latent, size = tiny.build().latent, SetSize(7, 100, 20)
    latents, labels = draw_latents(latent, 3, size)
    assert latents.shape == (720, 5)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    for group, label in zip(latents[:700].reshape(7, 100, 5), labels, strict=True):
        different = [len(np.unique(column)) for column in group.T]
        assert different == [1 if i == label else 100 for i in range(5)]
    assert np.abs(latents).max() <= 1
    assert latents.std(axis=0)[3:] == pytest.approx(np.full(2, 1 / np.sqrt(3)), abs=0.03)
    again, _ = draw_latents(latent, 3, size)
    np.testing.assert_array_equal(latents, again)
    assert not np.array_equal(latents, draw_latents(latent, 4, size)[0])


def test_sizes():
    assert SetSize.of(5, 737_280) == SetSize(500, 100, 73_728)
    assert SetSize.of(10, 737_280) == SetSize(1000, 100, 73_728)
    assert SetSize.of(2, 1080) == SetSize(200, 100, 10_000)
    assert SetSize.of(5, 737_280).images == 123_728
    assert SetSize.of(5, 737_280, 5, 7) == SetSize(5, 100, 7)
    with pytest.raises(UserError, match="--groups 4: too few, as each of the 5 codes needs a"):
        SetSize.of(5, 737_280, 4)


@pytest.mark.slow
def test_a_set_on_disk_equals_one_in_memory(tmp_path):
    model, size = tiny.build(), SetSize(3, 100, 4000)
    with generated_set(model, size, tmp_path) as made:
        in_memory = made.images.copy()
        assert list(tmp_path.iterdir()) == []
    with generated_set(model, size, tmp_path, memory_gb=1e-6) as made:
        assert isinstance(made.images, np.memmap)
        np.testing.assert_array_equal(made.images, in_memory)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


class Generator:
    """A model whose images of 4,096 latents take 16 kB."""

    latent, config = tiny.build().latent, types.SimpleNamespace(run=0)

    def __init__(self, value=0.0):
        self.value = value

    def generate(self, latents):
        return np.full((len(latents), 1, 1, 1), self.value, np.float32)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    size, limits = SetSize(300, 100, 20), resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with (
            pytest.raises(UserError, match=r"cannot read or write .*generated_set\.npy: "),
            generated_set(Generator(), size, tmp_path, memory_gb=0),
        ):
            raise AssertionError("the set takes 120 kB")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("memory_gb", [0, 4])
def test_nan_pixels_name_the_run(tmp_path, memory_gb):
    folder = tmp_path / "run-7,"
    folder.mkdir()
    with (
        pytest.raises(UserError, match="run-7,: its generator makes NaN or infinite pixels"),
        generated_set(Generator(np.nan), SetSize(3, 100, 20), folder, memory_gb),
    ):
        raise AssertionError("its pixels are NaN")
    assert list(folder.iterdir()) == []
