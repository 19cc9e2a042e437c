"""Five likelihoods: what a pixel's value is worth, and reconstructions of the same images."""

from collections.abc import Mapping

import torch
from explanation.style import LINES, new_figure, plain, show_images
from explanation.training import Trained
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lab.likelihoods import Likelihood

ORDER = ("bernoulli", "continuous_bernoulli", "gaussian", "laplace", "discretized_logistic")
MEANS = (0.1, 0.5, 0.9)


@torch.no_grad()
def draw_pixels(trained: Mapping[str, Trained]) -> Figure:
    """Draws log p of a pixel's values, for three outputs with the same three means."""
    assert set(trained) == set(ORDER), "a likelihood of the folder is missing here, or too much"
    figure = new_figure(2.5)
    axes = figure.subplots(1, len(ORDER), sharey=True)
    for axis, name in zip(axes, ORDER, strict=True):
        _draw_pixel(axis, trained[name].model.likelihood)
        axis.set_title(name.replace("_", "\n", 1), fontsize=9.5)
    axes[0].set_ylabel("log p of a pixel, nats")
    axes[2].set_xlabel("value of the pixel")
    axes[0].legend(title="mean", fontsize=8.5, title_fontsize=8.5, frameon=False, loc="lower left")
    return figure


def _draw_pixel(axis: Axes, likelihood: Likelihood) -> None:
    values = torch.linspace(0, 1, 256, dtype=torch.float64)
    for mean, colour in zip(MEANS, LINES, strict=True):
        outputs = output_of_mean(likelihood, mean).expand(1, 256, 1, 1, 1)
        log_p = likelihood.log_prob(outputs, values.view(-1, 1, 1, 1))[0]
        axis.plot(values, log_p, color=colour, lw=1.3, label=f"{mean}")
    axis.set(ylim=(-15, 5), xlim=(0, 1), xticks=[0, 0.5, 1])
    axis.set_xticklabels(["0", "½", "1"])
    axis.axhline(0, color="#cccccc", lw=0.8, zorder=0)
    plain(axis)


def output_of_mean(likelihood: Likelihood, mean: float) -> Tensor:
    """Returns the decoder output whose mean image has that value, found by bisection."""
    low, high = torch.tensor(-50.0).double(), torch.tensor(50.0).double()
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if likelihood.mean(middle) < mean else (low, middle)
    return middle


@torch.no_grad()
def draw_reconstructions(trained: Mapping[str, Trained]) -> Figure:
    """Draws test images in the first row, and a row of reconstructions per likelihood."""
    images = trained[ORDER[0]].test_images[::50][:10]
    rows = {"original": images} | {name: trained[name].model.reconstruct(images) for name in ORDER}
    figure = new_figure(3.0)
    axes = figure.subplots(len(rows), 1)
    for axis, (name, row) in zip(axes, rows.items(), strict=True):
        show_images(axis, row, columns=len(row))
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure
