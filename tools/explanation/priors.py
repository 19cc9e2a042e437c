"""Three priors: their density below the codes, and what the decoder makes of their draws."""

from collections.abc import Mapping

import torch
from explanation.style import new_figure, show_codes, show_images
from explanation.training import Trained
from matplotlib.figure import Figure

from vae_lab.random_streams import stream

ORDER = ("standard", "gaussian_mixture", "vamp")
STEPS = 200
# Shares of the highest density.
LEVELS = (0.003, 0.03, 0.1, 0.3, 0.6, 1)
GREYS = ("#efefef", "#dedede", "#cccccc", "#b8b8b8", "#a3a3a3")


@torch.no_grad()
def draw_priors(trained: Mapping[str, Trained]) -> Figure:
    """Draws two rows of three: density (grey) and codes; 32 draws, decoded."""
    assert set(trained) == set(ORDER), "a prior of the folder is missing here, or too much"
    figure = new_figure(4.2)
    axes = figure.subplots(2, 3, height_ratios=[1.95, 1])
    for (codes, draws), name in zip(axes.T, ORDER, strict=True):
        model = trained[name].model
        mean = model.encode(trained[name].test_images).mean
        drawn = model.prior.sample(2000, stream("drawn"))
        reach = 1.05 * max(part.abs().quantile(0.99).item() for part in (mean, drawn))
        line = torch.linspace(-reach, reach, STEPS)
        points = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
        density = model.prior.log_prob(points).exp()
        codes.contourf(line, line, density / density.max(), LEVELS, colors=GREYS)
        show_codes(codes, mean, trained[name].test_labels, reach=reach)
        codes.set_title(f"{name}\n(from {-reach:.1f} to {reach:.1f})")
        show_images(draws, model.sample(32, stream("samples")), columns=8)
    return figure
