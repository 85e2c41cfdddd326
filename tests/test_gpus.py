"""Which GPUs runs get, and what tasks on one GPU are told about its memory."""

import types

import pytest

from disentanglement.errors import UserError
from disentanglement.experiments import gpus
from tests.commands import events, run

FOUND = {"0": "GPU-aa11", "1": "GPU-ab22", "2": "GPU-cc33"}


def chosen(monkeypatch, visible, allowed=("0", "1", "2"), found=FOUND):
    monkeypatch.setattr(gpus, "installed", lambda: found)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    return gpus.usable(types.SimpleNamespace(gpu=list(allowed)))


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["0", "1", "2"]),
        ("2,0", ["0", "2"]),
        (" 1 , 1", ["1"]),
        ("GPU-ab22", ["1"]),
        ("GPU-c,0", ["0", "2"]),
        ("1,-1,0", ["1"]),  # CUDA ignores what comes after -1
        ("", []),
        ("-1", []),
    ],
)
def test_cuda_visible_devices_limits_the_gpus(monkeypatch, visible, expected):
    assert chosen(monkeypatch, visible) == expected


@pytest.mark.parametrize(
    ("visible", "message"),
    [
        ("0,3", r"'3' is not a GPU that nvidia-smi lists: 0 \(GPU-aa11\), 1 "),
        ("MIG-12", "'MIG-12' is not a GPU"),
        ("aa11", "'aa11' is not a GPU"),
        ("GPU-a", "'GPU-a' fits several GPUs"),
    ],
)
def test_an_entry_that_is_not_one_gpu(monkeypatch, visible, message):
    with pytest.raises(UserError, match=message):
        chosen(monkeypatch, visible)


def test_an_empty_intersection_names_the_three_lists(monkeypatch):
    expected = (
        "nvidia-smi lists 0, 1, 2, CUDA_VISIBLE_DEVICES allows 1, 2, and 'gpu' in "
        "scheduler_config allows 0: change .*--set gpu=1,2"
    )
    with pytest.raises(UserError, match=expected):
        chosen(monkeypatch, "1,2", allowed=["0"])


def test_without_gpus_cuda_visible_devices_does_not_matter(monkeypatch):
    assert chosen(monkeypatch, "5", found={}) == []
    assert gpus.where([]) == "this CPU, one after another"


def test_hidden_gpus_are_mentioned(monkeypatch):
    assert gpus.where(chosen(monkeypatch, "-1")) == (
        "this CPU, one after another (CUDA_VISIBLE_DEVICES='-1' hides the GPUs)"
    )


def test_main_respects_cuda_visible_devices(experiment):
    arguments = ("--runs", "3", "--set", "gpu=0,1")
    result = run(experiment, *arguments, gpus=[0, 1], SECONDS="0", CUDA_VISIBLE_DEVICES="GPU-1f")
    assert result.returncode == 0, result.stderr
    assert "1 run, 1 to train on GPU 1\n" in result.stdout
    assert {gpu for _, _, gpu, _ in events(experiment)} == {"1"}


def test_tasks_on_one_gpu_share_its_memory(monkeypatch):
    jax = ("XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_CLIENT_MEM_FRACTION")
    for name in jax:
        monkeypatch.delenv(name, raising=False)
    alone, shared = gpus.environment("1", 1), gpus.environment("1", 2)
    assert not set(jax) & set(alone)
    assert shared[jax[0]] == "0.400"
    for variables in (alone, shared):
        assert variables["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
        assert variables["CUDA_VISIBLE_DEVICES"] == "1"
        assert variables["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    for name in jax:
        monkeypatch.setenv(name, ".3")
        assert gpus.environment("1", 2)[name] == ".3"
        monkeypatch.delenv(name)
    monkeypatch.setenv(jax[1], ".3")  # together they are an error in JAX
    assert jax[0] not in gpus.environment("1", 2)
