"""The parts of a variational auto-encoder and the two terms of its bound, with a real image."""

from typing import Any

import torch
from explanation.style import LINES, new_figure
from explanation.training import Trained
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import Tensor

# Units of the drawing are pixels of the page.
WIDTH, HEIGHT, MIDDLE = 736, 330, 190
BOX: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=6", "lw": 1.2}
BLUE, ORANGE = LINES[0], LINES[1]


@torch.no_grad()
def draw_scheme(trained: Trained) -> Figure:
    """Draws image, encoder, posterior, draw, decoder and mean image, from left to right."""
    figure = new_figure(HEIGHT / 100)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axis.axis("off")
    axis.autoscale(False)
    image = trained.test_images[trained.test_labels == 0][5:6]
    _show(axis, image, 8, "image x")
    _box(axis, 118, 90, "encoder\n(model)", "#f1f1f1")
    _box(axis, 244, 116, "posterior q(z|x)\nmean, log_var", "#dcebf8")
    _box(axis, 396, 96, "draw\nz = mean\n+ sd · noise", "#fdf0dc")
    _box(axis, 528, 90, "decoder\n(model)", "#f1f1f1")
    _show(axis, trained.model.reconstruct(image), 650, "mean of p(x|z)")
    for start, end in ((84, 116), (208, 242), (360, 394), (492, 526), (618, 648)):
        _arrow(axis, (start, MIDDLE), (end, MIDDLE))
    axis.text(444, 300, "noise ~ N(0, I)", ha="center")
    _arrow(axis, (444, 292), (444, MIDDLE + 38))
    axis.text(302, 300, "prior p(z)", ha="center")
    # The two terms: between posterior and prior, and between the image and what the decoder says.
    axis.annotate("", (302, MIDDLE + 38), (302, 294), arrowprops=_line("<->", BLUE))
    axis.text(312, 254, "kl", color=BLUE, weight="bold")
    axis.annotate("", (687, 150), (687, 92), arrowprops=_line("->", ORANGE))
    axis.annotate("", (45, 150), (45, 92), arrowprops=_line("->", ORANGE))
    axis.plot([45, 687], [92, 92], color=ORANGE, lw=1.4)
    recon: dict[str, Any] = {"ha": "center", "va": "top", "color": ORANGE, "weight": "bold"}
    axis.text(WIDTH / 2, 76, "recon = -log p(x|z)", **recon)
    bound = "loss = recon + beta · kl          elbo = -(recon + kl) ≤ log p(x)"
    axis.text(WIDTH / 2, 14, bound, ha="center", fontsize=11)
    return figure


def _show(axis: Axes, image: Tensor, left: float, name: str) -> None:
    box = (left, left + 74, MIDDLE - 37, MIDDLE + 37)
    axis.imshow(image[0, 0].clamp(0, 1), cmap="gray", vmin=0, vmax=1, aspect="auto", extent=box)
    axis.text(left + 37, MIDDLE + 46, name, ha="center", fontsize=9)


def _box(axis: Axes, left: float, width: float, text: str, colour: str) -> None:
    axis.add_patch(FancyBboxPatch((left, MIDDLE - 36), width, 72, fc=colour, ec="#555555", **BOX))
    axis.text(left + width / 2, MIDDLE, text, ha="center", va="center")


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.annotate("", end, start, arrowprops=_line("->", "#333333"))


def _line(style: str, colour: str) -> dict[str, Any]:
    return {"arrowstyle": style, "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
