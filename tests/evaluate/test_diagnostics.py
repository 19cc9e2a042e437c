"""Each warning in words, provoked; and silence where nothing is wrong."""

import logging
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from repository import ROOT
from runs import train
from stripes import small_config

from vae_lab.evaluate import diagnostics
from vae_lab.evaluate.bound import target_entropy
from vae_lab.evaluate.diagnostics import ModelStatistics, diagnose
from vae_lab.training.final_test import largest_log_density
from vae_lab.vae import VAE

HEALTHY = ModelStatistics(
    kl_per_dimension=[3.0, 2.0, 0.5],
    kl_reference="prior",
    largest_variance=1.1,
    train_elbo=-100.0,
    val_elbo=-104.9,
    recon=np.array([80.0, 90.0]),
    entropy=np.array([60.0, 70.0]),
    best_val_elbo=-104.0,
    val_error=1.0,
    largest_log_density=5.5,
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
        (
            {"val_elbo": -105.1},
            r"overfitting: .* is 5\.10 nats below .* fallen by 1\.10 nats .* error is 1\.00",
        ),
        ({"largest_log_density": 8.7}, "unbounded density: .* comes to 8.70 nats, above 5.54"),
        ({"kl_per_dimension": [9.0] + [0.0] * 999}, r"999 of 1000 .*: 1, 2, .*, 10 and 989 more, "),
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


@pytest.mark.parametrize("zero", [-100.0, 0.0, 2800.0])
@pytest.mark.parametrize(
    ("gap", "fall", "is_overfitting"),
    [(4.0, 0.0, False), (1.9, 1.5, False), (4.0, 0.9, False), (4.0, 1.5, True), (-4.0, 5.0, False)],
)
def test_overfitting_is_a_distance_whatever_the_zero_of_the_bound(
    gap: float, fall: float, is_overfitting: bool, zero: float
) -> None:
    val = zero - gap
    found = diagnose(
        HEALTHY._replace(train_elbo=zero, val_elbo=val, best_val_elbo=val + fall, val_error=1.0)
    )
    assert any("overfitting" in text for text in found) == is_overfitting


def test_the_documented_thresholds_are_the_codes() -> None:
    text = (ROOT / "docs" / "reference" / "numbers.md").read_text(encoding="utf-8")
    for value in (
        "0.01 nats", "two standard errors", "one standard error", "variance above 100",
        "0.01 nats below", "5.54 nats",
    ):  # fmt: skip
        assert value in text
    assert (diagnostics.UNUSED_KL, diagnostics.LARGEST_LOG_DENSITY) == (0.01, 5.54)
    assert math.log(255) == pytest.approx(diagnostics.LARGEST_LOG_DENSITY, abs=0.005)
    assert (diagnostics.GAP_ERRORS, diagnostics.FALL_ERRORS) == (2, 1)
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


@pytest.mark.parametrize(
    ("likelihood", "largest"),
    [
        # At 0 the density is about minus the logit; of a Gaussian it is 1 / (scale sqrt(2 pi)).
        ("continuous_bernoulli", math.log(6088)),
        ("gaussian likelihood.scale=0.001", -math.log(0.001 * math.sqrt(2 * math.pi))),
        ("laplace likelihood.scale=0.01", -math.log(0.02)),
        ("bernoulli", None),
        ("discretized_logistic", None),
    ],
)
def test_the_largest_density_of_a_pixel(
    likelihood: str, largest: float | None, tmp_path: Path
) -> None:
    config, _ = small_config(tmp_path, *f"likelihood={likelihood}".split())
    model = VAE.from_config(config, (1, 28, 28), trust=True)
    output = [part for part in model.decoder.modules() if isinstance(part, torch.nn.Linear)][-1]
    torch.nn.init.zeros_(output.weight)
    torch.nn.init.constant_(output.bias, -6088 if "continuous" in likelihood else 0)
    images = torch.zeros(3, 1, 28, 28, dtype=torch.uint8)
    images[0, 0, :3] = 200  # what is not black has a lower density
    assert largest_log_density(model, images) == (largest and pytest.approx(largest, rel=1e-4))
