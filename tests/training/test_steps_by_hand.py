"""The weights of a training are those of a loop written by hand in plain torch, bit for bit.

So whatever Lightning leaves out, or is told to leave out, it is nothing that the weights depend on.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fits import Fit
from torch import nn

from vae_lab.data.datamodule import ImageDataModule
from vae_lab.errors import NonFiniteError
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

# The stripes: 80 training images in 3 batches of 32, 32 and 16.
BATCHES = 3

Parameters = list[nn.Parameter]


def norm_clipped(limit: float) -> Callable[[Parameters], None]:
    """Returns what scales all gradients together, so that their norm is at most a limit."""

    def clip(parameters: Parameters) -> None:
        norm = torch.stack([p.grad.square().sum() for p in parameters if p.grad is not None])
        factor = min(1.0, limit / (norm.sum().sqrt().item() + 1e-6))
        for parameter in parameters:
            assert parameter.grad is not None
            parameter.grad *= factor

    return clip


def value_clipped(limit: float) -> Callable[[Parameters], None]:
    """Returns what cuts each value of the gradients off at a limit."""

    def clip(parameters: Parameters) -> None:
        for parameter in parameters:
            assert parameter.grad is not None
            parameter.grad.clamp_(-limit, limit)

    return clip


def one_cycle(share: float) -> float:
    """The factor on the learning rate: up in the first 0.3 of the steps, then down, by cosines."""
    if share < 0.3:
        return 1 / 25 + (1 - 1 / 25) * 0.5 * (1 - math.cos(math.pi * share / 0.3))
    return 1e-4 + (1 - 1e-4) * 0.5 * (1 + math.cos(math.pi * (share - 0.3) / 0.7))


def trained_by_hand(
    config: Any,
    *,
    steps: int,
    accumulate: int = 1,
    clip: Callable[[Parameters], None] | None = None,
) -> dict[str, torch.Tensor]:
    """Returns the weights after so many steps; gradients are means over `accumulate` batches."""
    data = ImageDataModule.from_config(config, trust=True)
    data.setup()
    model = VAE.from_config(config, data.image_shape, trust=True)
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, fused=True)
    done = 0
    while done < steps:
        noise = stream("noise", config["seed"], data.epoch)
        for number, batch in enumerate(data.train_dataloader(), start=1):
            drawn = torch.randn((1, len(batch.images), config["latent_dim"]), generator=noise)
            loss, _ = model.score(batch.images, drawn)
            (loss / accumulate).backward()
            # The last batches of an epoch make a step, even if they are fewer.
            if number % accumulate and number < BATCHES:
                continue
            if clip is not None:
                clip(parameters)
            optimizer.param_groups[0]["lr"] = config["optimizer"]["lr"] * one_cycle(done / steps)
            optimizer.step()
            optimizer.zero_grad()
            done += 1
            if done == steps:
                break
        data.epoch += 1
    return model.state_dict()


@pytest.mark.parametrize(
    ("overrides", "by_hand"),
    [
        ([], {"steps": 6}),
        (["max_steps=2"], {"steps": 2}),
        (["max_steps=4"], {"steps": 4}),
        (["accumulate_grad_batches=2"], {"steps": 4, "accumulate": 2}),
        (["gradient_clip_val=0.5"], {"steps": 6, "clip": norm_clipped(0.5)}),
        (
            ["gradient_clip_val=0.01", "gradient_clip_algorithm=value"],
            {"steps": 6, "clip": value_clipped(0.01)},
        ),
        (
            ["gradient_clip_val=20", "accumulate_grad_batches=2"],
            {"steps": 4, "accumulate": 2, "clip": norm_clipped(20)},
        ),
        (["detect_anomaly=true"], {"steps": 6}),
        (["profiler=simple"], {"steps": 6}),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, list) else "",
)
def test_weights_are_those_of_a_loop_by_hand(
    overrides: list[str], by_hand: dict[str, Any], tmp_path: Path
) -> None:
    fit = Fit(tmp_path, *overrides)
    assert fit.trainer.global_step == by_hand["steps"]
    expected = trained_by_hand(fit.config, **by_hand)
    # A norm is a sum, and torch has an order of its own for it: then close, else equal.
    exact = "clip" not in by_hand
    for name, weight in fit.model.state_dict().items():
        close = torch.allclose(weight, expected[name], rtol=1e-4, atol=1e-6)
        assert torch.equal(weight, expected[name]) if exact else close, name


def test_no_clipping_would_be_noticed(tmp_path: Path) -> None:
    fit = Fit(tmp_path, "gradient_clip_val=0.5")
    free = trained_by_hand(fit.config, steps=6)
    weights = fit.model.state_dict()
    assert not any(torch.allclose(weights[name], free[name], rtol=1e-4, atol=1e-6) for name in free)


def test_limits_say_which_images_are_seen(tmp_path: Path) -> None:
    rows = Fit(tmp_path / "all").notes.rows
    limited = Fit(tmp_path / "limited", "limit_train_batches=2").notes.rows
    # The first two batches of each epoch.
    assert limited == [rows[0], rows[1], rows[3], rows[4]]


class Root(nn.Module):
    """Adds the root of 0 times x, which is 0. Backward, the product multiplies 0 by infinity."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + (x * 0).sqrt()


def with_root(model: VAE) -> None:
    model.decoder = nn.Sequential(model.decoder, Root())


def test_the_operation_that_made_a_nan_is_named(tmp_path: Path) -> None:
    named = "Error detected in MulBackward0"
    with (
        pytest.warns(UserWarning, match=named),
        pytest.raises(RuntimeError, match="'MulBackward0' returned nan"),
    ):
        Fit(tmp_path / "named", "detect_anomaly=true", change=with_root)
    # Otherwise the first loss that is not finite ends the training.
    with pytest.raises(NonFiniteError):
        Fit(tmp_path / "not", change=with_root)
