"""Density of whole grey levels.

Symptom: The bound rises without limit as the learned scale falls.

The pixels are whole levels, and the likelihood is a density with a learned scale. A pixel that
always has the same value, such as the border of a digit, gets a density without limit.
The ELBO can then rise above 0.

How to notice: The log-likelihood of discrete images is positive. The learned scale keeps falling.

Fix: Give the probability of the level (`likelihood=discretized_logistic`), or add uniform noise of
one level to the images. Or keep the scale fixed.

Test: test_a_likelihood_sums_or_integrates_to_one
"""

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, panel

from vae_lab.likelihoods import DiscretizedLogistic, Gaussian

SCALES = [10.0**-k for k in (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4)]


def wrong(x: Tensor, mean: Tensor, scale: float) -> Tensor:
    return Gaussian(scale=scale, learn_scale=True).log_prob(mean, x)


def right(x: Tensor, mean: Tensor, scale: float) -> Tensor:
    return DiscretizedLogistic(scale=scale, learn_scale=True).log_prob(mean, x)


def per_pixel(scale: float) -> tuple[float, float]:
    """Both log-likelihoods of a black pixel whose mean is black."""
    pixel = torch.zeros(1, 1, 1, 1)
    return wrong(pixel, pixel[None], scale).item(), right(pixel, pixel[None], scale).item()


def numbers() -> dict[str, Number]:
    names = {0.1: "0.1", 0.01: "0.01", 0.0001: "0.0001"}
    return {
        name: Number(f"log p of a constant pixel at scale {name}, nats", *per_pixel(scale))
        for scale, name in names.items()
    }


def draw() -> Figure:
    figure, axis = panel("log-likelihood of a pixel that is always black")
    bad, good = zip(*map(per_pixel, SCALES), strict=True)
    axis.plot(SCALES, bad, "o-", color=WRONG, label="wrong: density (Gaussian)")
    axis.plot(SCALES, good, "o-", color=RIGHT, label="right: probability (discretized logistic)")
    axis.set(xscale="log", xlabel="scale that is learned (falls to the right)", ylabel="nats")
    axis.invert_xaxis()
    axis.legend(frameon=False)
    return figure
