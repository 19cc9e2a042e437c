"""Logarithm of a rounded sigmoid.

Symptom: The loss is infinite, or stops at 100, and its gradient is 0.

The probability is computed first, and its logarithm afterwards. In single precision the sigmoid of
17 is already 1: the logarithm of 1 - 1 is minus infinity. PyTorch's `binary_cross_entropy` puts 100
in its place, but the gradient is lost.

How to notice: Try the loss at a logit of 30 and a pixel of 0. It must be 30, its gradient 1.

Fix: Compute the loss from logits, with `binary_cross_entropy_with_logits`. Keep it in single
precision when the networks are in bfloat16.

Test: test_bernoulli_is_exact_at_extreme_logits
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import Number, panels

Loss = Callable[[Tensor, Tensor], Tensor]


def wrong(logits: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="none")


def right(logits: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def loss_and_gradient(loss: Loss, logits: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of black pixels, and its gradient, for logits (N,) in single precision."""
    logits = logits.clone().requires_grad_()
    losses = loss(logits, torch.zeros_like(logits))
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    return losses.detach(), gradient


def numbers() -> dict[str, Number]:
    found = [loss_and_gradient(loss, torch.tensor([30.0])) for loss in (wrong, right)]
    losses, gradients = zip(*found, strict=True)
    return {
        "loss": Number("loss of a black pixel at logit 30, nats", *(v.item() for v in losses)),
        "gradient": Number("its gradient", *(v.item() for v in gradients)),
    }


def draw() -> Figure:
    logits = torch.linspace(0, 40, 401)
    figure, *axes = panels("wrong: sigmoid, then log", "right: from logits")
    for axis, loss in zip(axes, (wrong, right), strict=True):
        losses, gradient = loss_and_gradient(loss, logits)
        axis.plot(logits, losses, color="black", label="loss (nats)")
        axis.plot(logits, 50 * gradient, "--", color="#832db6", label="gradient, times 50")
        axis.set(xlabel="logit of a black pixel", ylim=(-5, 110))
        axis.legend(frameon=False, loc="upper left", fontsize=9)
    return figure
