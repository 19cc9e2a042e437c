"""Each warning in words, provoked; and silence where nothing is wrong."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from repository import ROOT
from runs import train

from vae_lab.evaluate import diagnostics
from vae_lab.evaluate.bound import target_entropy
from vae_lab.evaluate.diagnostics import ModelStatistics, diagnose

HEALTHY = ModelStatistics(
    kl_per_dimension=[3.0, 2.0, 0.5],
    kl_reference="prior",
    largest_variance=1.1,
    train_elbo=-100.0,
    val_elbo=-104.9,
    recon=np.array([80.0, 90.0]),
    entropy=np.array([60.0, 70.0]),
)


def test_nothing_wrong_gives_no_warning() -> None:
    assert diagnose(HEALTHY) == []
    # Of 256 levels a likelihood may be surer than the coins' entropy.
    assert diagnose(HEALTHY._replace(recon=np.array([5.0, 9.0]), entropy=None)) == []
    assert diagnose(ModelStatistics([1.0], "prior", 1.0, None, None, None, None)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kl_per_dimension": [3.0, 0.0099, 0.5]}, "1 of 3 latent dimensions are unused"),
        ({"kl_per_dimension": [0.001, 0.0099]}, "posterior collapse"),
        (
            {"kl_per_dimension": [3.0, 0.001], "kl_reference": "aggregate posterior"},
            r"1 of 2 .* \(KL below 0\.01 nats from the aggregate posterior\)",
        ),
        ({"val_elbo": -105.1}, "overfitting: .* is 5% worse"),
        ({"largest_variance": 100.1}, "exploding variance: a posterior has a variance of 100"),
        ({"recon": np.array([59.9, 90.0])}, "a bug: .* 0.1 nats below the entropy"),
        ({"recon": np.array([-0.5, 90.0])}, "a bug: .* positive log-probability"),
        ({"recon": np.array([-0.5, 9.0]), "entropy": None}, "a bug: .* positive log-probability"),
    ],
)
def test_each_warning_is_provoked_alone(changes: dict[str, object], words: str) -> None:
    # The cases of one table have values of many types.
    (found,) = diagnose(HEALTHY._replace(**changes))  # type: ignore[arg-type]
    assert re.search(words, found)


def test_the_documented_thresholds_are_the_codes() -> None:
    text = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
    for value in ("0.01 nats", "5 %", "variance above 100", "0.01 nats below"):
        assert value in text
    assert (diagnostics.UNUSED_KL, diagnostics.OVERFITTING) == (0.01, 0.05)
    assert (diagnostics.EXPLODED_VARIANCE, diagnostics.TOLERANCE) == (100, 0.01)


def test_the_entropy_is_the_least_cross_entropy() -> None:
    images = torch.tensor([[0, 255, 51, 102]], dtype=torch.uint8).view(1, 1, 2, 2)
    chance = images.double().flatten() / 255
    coin = torch.distributions.Bernoulli(probs=chance)
    assert target_entropy(images) == pytest.approx(coin.entropy().sum().item())


def test_a_collapsed_run_says_so_in_log_and_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="vae_lab"):
        result, _ = train(tmp_path, "objective.beta=1000", "callbacks=none", "logger=none")
    assert any("posterior collapse" in text for text in result.warnings)
    assert "posterior collapse" in caplog.text
    assert max(result.latent["kl_per_dimension"]) < diagnostics.UNUSED_KL
    assert result.latent["active_units"] == 0


def test_more_pixels_round_more() -> None:
    short = HEALTHY._replace(recon=np.array([59.9, 90.0]))
    assert diagnose(short._replace(num_pixels=784))
    assert diagnose(short._replace(num_pixels=10 * 784 - 100))
    assert diagnose(short._replace(num_pixels=11 * 784)) == []
