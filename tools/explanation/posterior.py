"""The posteriors of ten test images: ellipses in the latent plane, and decoded draws."""

import torch
from explanation.style import new_figure, plain, show_codes, show_images
from explanation.training import Trained
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from vae_lab.callbacks.drawing.style import PALETTE
from vae_lab.random_streams import stream

DRAWS, SHOWN = 7, (0, 3, 4, 7, 8)


@torch.no_grad()
def draw_posterior(trained: Trained) -> Figure:
    """Draws ten ellipses of two standard deviations, and at the right five rows of draws."""
    figure = new_figure(3.3)
    plane, draws = figure.subplots(1, 2, width_ratios=[1, 1.5])
    _draw_ellipses(plane, trained)
    model = trained.model
    images = trained.test_images[[_first_of(trained, label) for label in SHOWN]]
    noise = torch.randn(DRAWS, len(SHOWN), model.latent_dim, generator=stream("posterior picture"))
    z = model.encode(images).sample(noise).flatten(0, 1)
    decoded = model.decode(z).view(*noise.shape[:2], *images.shape[1:])
    rows = torch.cat([images[None], model.reconstruct(images)[None], decoded]).transpose(0, 1)
    show_images(draws, rows.flatten(0, 1), columns=DRAWS + 2)
    for column, name in ((0.5, "x"), (1.5, "mean"), (2 + DRAWS / 2, "decoded draws z ~ q(z|x)")):
        draws.text(column * 29, -4, name, ha="center")
    return figure


def _first_of(trained: Trained, label: int) -> int:
    return int((trained.test_labels == label).nonzero()[0])


def _draw_ellipses(axis: Axes, trained: Trained) -> None:
    mean, log_var = trained.model.encode(trained.test_images)
    show_codes(axis, mean, trained.test_labels, reach=4.0)
    axis.collections[0].set_alpha(0.3)
    for label in range(10):
        image = _first_of(trained, label)
        width, height = (4 * torch.exp(0.5 * log_var[image])).tolist()
        centre = tuple(mean[image].tolist())
        axis.add_patch(
            Ellipse(centre, width, height, facecolor=PALETTE[label], alpha=0.55, edgecolor="black")
        )
        axis.annotate(str(label), centre, ha="center", va="center", fontsize=11, weight="bold")
    axis.set(xticks=[-3, 0, 3], yticks=[-3, 0, 3], xlabel="z[0]", ylabel="z[1]")
    plain(axis)
