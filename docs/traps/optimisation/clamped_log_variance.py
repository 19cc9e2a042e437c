"""Log-variances that are clamped.

Symptom: Outside the range the gradient is 0: the value never returns.

`torch.clamp(log_var, -5, 5)` is meant to prevent overflow. Outside the range it also prevents
learning: the gradient is exactly 0. A bad start, a large step or an unusual image leaves the
posterior where it is. The loss looks finite and healthy.

How to notice: Count the log-variances that lie at a border of the range. There must be none.

Fix: Do not clamp. Compute the bound in single precision, and stop the run at a value that is not
finite. If you need a range, use a smooth one.

Test: test_extremes_stay_finite
"""

from collections.abc import Callable
from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, SmallVAE, bound, digits, panel, train

from vae_lab.posteriors import DiagonalGaussian

STEPS, EVERY = 400, 20


def wrong(log_var: Tensor) -> Tensor:
    return log_var.clamp(-5, 5)


def right(log_var: Tensor) -> Tensor:
    return log_var


class BadStart(SmallVAE):
    """The small VAE, whose log-variances start near 7."""

    def __init__(self, limit: Callable[[Tensor], Tensor]) -> None:
        super().__init__(latent_dim=4)
        self.limit = limit
        self.encoder[-1].bias.data[4:] = 7.0

    def encode(self, x: Tensor) -> DiagonalGaussian:
        mean, log_var = super().encode(x)
        return DiagonalGaussian(mean, self.limit(log_var))


@cache
def course(limit: Callable[[Tensor], Tensor]) -> list[float]:
    """The KL of the test images during a training."""
    found: list[float] = []

    def watch(step: int, model: SmallVAE) -> None:
        if step % EVERY == 0:
            found.append(bound(model, digits()[1].images)[1].mean().item())

    train(model=BadStart(limit), steps=STEPS + 1, each_step=watch)
    return found


def slope(limit: Callable[[Tensor], Tensor], value: float) -> float:
    """The gradient of the KL of one dimension with respect to its log-variance."""
    log_var = torch.tensor([value], requires_grad=True)
    DiagonalGaussian(torch.zeros(1), limit(log_var)).kl_to_standard_normal().sum().backward()
    return log_var.grad.item()


def numbers() -> dict[str, Number]:
    return {
        "gradient": Number(
            "gradient of the KL at log-variance 7", *(slope(f, 7.0) for f in (wrong, right))
        ),
        "kl": Number(f"KL after {STEPS} steps, nats", *(course(f)[-1] for f in (wrong, right))),
    }


def draw() -> Figure:
    figure, axis = panel("KL of the test images, log-variances start near 7")
    steps = range(0, STEPS + 1, EVERY)
    axis.plot(steps, course(wrong), color=WRONG, label="wrong: clamped at 5")
    axis.plot(steps, course(right), color=RIGHT, label="right: not clamped")
    axis.set(xlabel="step", ylabel="nats per image", yscale="log")
    axis.legend(frameon=False)
    return figure
