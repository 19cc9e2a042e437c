"""Squared error called a Gaussian likelihood.

Symptom: The density does not integrate to 1.

A squared error with a factor stands in for log p(x|z). Its normalising constant is missing, and the
factor sets a standard deviation that nobody chose: 255 (x - mean)² stands for 0.044. Its values are
not log-likelihoods, and are not comparable with those of other models. Seen in public code:
disentangling-vae.

How to notice: Integrate exp(log p) over x. The result must be 1.

Fix: Write the whole density, with a standard deviation that is set or learned.

Test: test_a_likelihood_sums_or_integrates_to_one
"""

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, panel

SCALE = 1 / math.sqrt(2 * 255)  # the standard deviation that the factor 255 stands for


def wrong(x: Tensor, mean: Tensor) -> Tensor:
    return -((255 * x - 255 * mean) ** 2) / 255


def right(x: Tensor, mean: Tensor) -> Tensor:
    return -0.5 * ((x - mean) / SCALE) ** 2 - math.log(SCALE * math.sqrt(2 * math.pi))


X, MEAN = torch.linspace(-1, 2, 30_001, dtype=torch.float64), torch.tensor(0.5)


def numbers() -> dict[str, Number]:
    totals = [torch.trapezoid(log_p(X, MEAN).exp(), X).item() for log_p in (wrong, right)]
    errors = [-64 * math.log(total) for total in totals]
    return {
        "integral": Number("integral of the density of a pixel", *totals, decimals=3),
        "missing": Number("constant that is missing in an image of 64 pixels, nats", *errors),
    }


def draw() -> Figure:
    figure, axis = panel("density of a pixel whose mean is 0.5")
    for log_p, colour in ((wrong, WRONG), (right, RIGHT)):
        density = log_p(X, MEAN).exp()
        label = f"{log_p.__name__}: area {torch.trapezoid(density, X).item():.2f}"
        axis.fill_between(X, density, color=colour, alpha=0.35, label=label)
        axis.plot(X, density, color=colour)
    axis.set(xlim=(0.3, 0.7), ylim=(0, None), xlabel="value of the pixel", ylabel="density")
    axis.legend(frameon=False)
    return figure
