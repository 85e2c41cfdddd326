"""The progress line: which losses it shows, and when."""

import io
import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from disentanglement.algorithms.factor_vae import FactorVAE
from disentanglement.algorithms.infogan_cr import InfoGANCR
from disentanglement.training import loop, progress

FACTOR_VAE = {
    "vae/reconstruction": 9.0,
    "vae/kl": 2.5,
    "vae/tc": 0.25,
    "vae/total": 12.0,
    "tc_discriminator/loss": 0.7,
    "tc_discriminator/joint": 0.3,
}
INFOGAN_CR = {"discriminator/loss": 1.5, "discriminator/real": 0.5, "generator/loss": 2.0}


def shown(algorithm, values):
    """Return what the line shows after a block of two batches; the last one has these values."""
    report = {tag: np.array([-1.0, value], np.float32) for tag, value in values.items()}
    return loop._shown(algorithm, report)


def test_factor_vae_shows_every_term_of_its_losses():
    expected = {"reconstruction": 9.0, "KL": 2.5, "TC": 0.25, "discriminator": 0.7}
    assert shown(FactorVAE, FACTOR_VAE) == pytest.approx(expected)
    assert list(shown(FactorVAE, FACTOR_VAE)) == list(expected)


def test_infogan_cr_shows_the_contrastive_discriminator_only_while_it_trains():
    expected = {"discriminator": 1.5, "generator": 2.0}
    assert shown(InfoGANCR, INFOGAN_CR) == expected
    contrastive = INFOGAN_CR | {"cr_discriminator/loss": 0.75, "cr_discriminator/accuracy": 0.5}
    assert shown(InfoGANCR, contrastive) == expected | {"cr_discriminator": 0.75}


def test_without_a_terminal_a_line_appears_once_a_minute_and_at_the_end(monkeypatch, caplog):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    caplog.set_level(logging.INFO)
    with progress.Progress(total=1000, done=400) as line:
        for seconds, n in ((30, 60), (59, 58), (60, 2), (90, 60), (200, 420)):
            clock.now = 100.0 + seconds
            line.update(n, {"KL": 1.25, "TC": 0.5})
    assert caplog.messages == [
        "batch 520 of 1000, 2.0 a second, 04:00 left, KL 1.250, TC 0.500",
        "batch 1000 of 1000, 3.0 a second, 00:00 left, KL 1.250, TC 0.500",
    ]


def test_on_a_terminal_a_bar_shows_the_losses(monkeypatch, caplog):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.Progress(total=10, done=4) as line:
        line.update(6, {"KL": 1.25, "TC": 0.5})
    assert "10/10" in terminal.getvalue()
    assert "KL 1.250, TC 0.500" in terminal.getvalue()
    assert caplog.messages == []
