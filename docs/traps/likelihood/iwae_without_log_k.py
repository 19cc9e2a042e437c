"""IWAE bound without log K.

Symptom: The bound lies above log p(x), by up to log K.

The bound is the logarithm of the mean of K weights. `logsumexp` is the logarithm of their sum:
log K too much. More samples then seem to make the model better without end. Seen in public code:
pythae logs such a value.

How to notice: With K copies of one weight the bound must be that weight. It must level off as K
grows.

Fix: Subtract log K.

Test: test_the_weighted_bound_rises_with_the_samples_towards_the_exact_log_likelihood
"""

import math
from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import GREY, RIGHT, WRONG, Number, digits, log_weights, panel, trained

COUNTS = (1, 3, 10, 30, 100)


def wrong(log_weights: Tensor) -> Tensor:
    return torch.logsumexp(log_weights, dim=0)


def right(log_weights: Tensor) -> Tensor:
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))


@cache
def exact() -> float:
    """log p(x), the mean over the test images, by a sum over a grid of the latent plane."""
    line = torch.linspace(-5, 5, 101, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)
    logits = trained().decoder(z)
    log_p = digits()[1].images @ logits.T - torch.nn.functional.softplus(logits).sum(dim=1)
    return (torch.logsumexp(log_p + log_prior, dim=1) + 2 * math.log(0.1)).mean().item()


@cache
def bounds(count: int) -> tuple[float, float]:
    """What both codes call the bound of so many samples."""
    weights = log_weights(trained(), digits()[1].images, count)
    return wrong(weights).mean().item(), right(weights).mean().item()


def numbers() -> dict[str, Number]:
    return {
        "bound": Number("bound of 100 samples, nats", *bounds(100)),
        "above": Number("the same minus exact log p(x), nats", *(b - exact() for b in bounds(100))),
    }


def draw() -> Figure:
    figure, axis = panel("importance-weighted bound of the test images")
    bad, good = zip(*map(bounds, COUNTS), strict=True)
    axis.axhline(exact(), ls="--", color=GREY, label="exact log p(x)")
    axis.plot(COUNTS, bad, "o-", color=WRONG, label="wrong: log of the sum of K weights")
    axis.plot(COUNTS, good, "o-", color=RIGHT, label="right: log of their mean")
    axis.set(xscale="log", xlabel="samples K", ylabel="nats per image")
    axis.set_xticks(COUNTS, map(str, COUNTS))
    axis.legend(frameon=False)
    return figure
