"""Numbers and quantities in messages."""

import pytest

from disentanglement import wording


def test_one_is_singular():
    assert wording.counted(1, "run") == "1 run"
    assert wording.counted(0, "run") == "0 runs"
    assert wording.counted(12_345, "batch", "batches") == "12,345 batches"
    assert wording.counted(1, "batch", "batches") == "1 batch"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "1 min"), (61, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (86_400, "24 h"),
     (172_800, "2.0 days"), (864_000, "10 days")],
)  # fmt: skip
def test_durations(seconds, text):
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1 MB"), (92e6, "92 MB"), (99.5e6, "0.1 GB"), (3.01e9, "3.1 GB"), (34.2e9, "35 GB")],
)
def test_sizes_are_rounded_up(count, text):
    assert wording.size(count) == text
