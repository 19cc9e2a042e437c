"""KL of the wrong sign.

Symptom: The loss falls without end, and the KL grows without end.

The formula of the paper (appendix B) is minus the KL. It was added to the loss as it stands there,
so training makes the KL as large as it can. The same slip in a log line shows a negative KL. Seen
in public code: PyTorch-VAE logs the KL with the wrong sign.

How to notice: A KL is never negative. A loss below 0 is impossible for binary images.

Fix: KL = 0.5 (mean² + variance - 1 - log variance). Log the terms without weights and check their
signs.

Test: test_curves_have_one_point_per_epoch_and_no_other_tag
"""

import math
from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, SmallVAE, bound, digits, panel, train

STEPS = 60


def wrong(mean: Tensor, log_var: Tensor) -> Tensor:
    return 0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp(), dim=1)


def right(mean: Tensor, log_var: Tensor) -> Tensor:
    return -0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp(), dim=1)


@cache
def course(sign: int) -> list[float]:
    """The true KL of the test images during a training whose loss has the KL with this sign."""
    kls: list[float] = []

    def watch(_: int, model: SmallVAE) -> None:
        kls.append(bound(model, digits()[1].images)[1].mean().item())

    train(lambda ll, kl: (sign * kl.sum(1) - ll.sum(1)).mean(), steps=STEPS, each_step=watch)
    return kls


def numbers() -> dict[str, Number]:
    mean, log_var = torch.tensor([[1.0]]), torch.tensor([[0.0]])
    known = [formula(mean, log_var).item() for formula in (wrong, right)]
    powers = [math.log10(course(sign)[-1]) for sign in (-1, 1)]
    return {
        "known": Number("KL of N(1, 1) from N(0, 1), nats", *known),
        "power": Number(f"KL after {STEPS} steps, the power of 10", *powers),
    }


def draw() -> Figure:
    figure, axis = panel("KL of the test images")
    axis.plot(course(-1), color=WRONG, label="wrong: - KL in the loss")
    axis.plot(course(1), color=RIGHT, label="right: + KL in the loss")
    axis.set(xlabel="step", ylabel="KL (nats per image)", yscale="log")
    axis.legend(frameon=False)
    return figure
