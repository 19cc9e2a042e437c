"""Grids rescaled one by one.

Symptom: A decoder that draws almost uniform grey shows full contrast.

Each grid is stretched so that its darkest pixel is black and its brightest is white, as
`save_image(normalize=True)` of torchvision does. Two grids then have two scales: two epochs or two
models cannot be compared by eye.

How to notice: Draw an image of constant grey 0.4 beside others. It must stay 0.4.

Fix: Cut at 0 and 1, never stretch. Draw the same codes in every epoch.

Test: test_bytes_are_rounded_and_cut_never_rescaled
"""

from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import Number, panels, show, train


def wrong(picture: Tensor) -> Tensor:
    return (picture - picture.min()) / (picture.max() - picture.min())


def right(picture: Tensor) -> Tensor:
    return picture.clamp(0, 1)


@cache
def samples(steps: int) -> Tensor:
    """16 samples after so many steps, (N, D)."""
    model = train(steps=steps)
    z = torch.randn(16, model.latent_dim, generator=torch.Generator().manual_seed(0)).double()
    return torch.sigmoid(model.decoder(z)).detach()


def numbers() -> dict[str, Number]:
    early = samples(0)
    words = "brightest minus darkest pixel that is shown before training"
    spans = [(f(early).max() - f(early).min()).item() for f in (wrong, right)]
    return {"span": Number(words, *spans, decimals=2)}


def draw() -> Figure:
    figure, *axes = panels("wrong: each grid rescaled", "right: always 0 to 1", height=2.4)
    for axis, scale in zip(axes, (wrong, right), strict=True):
        shown = [scale(samples(steps)) for steps in (0, 15, 300)]
        show(axis, torch.cat([images[:5] for images in shown]), columns=5)
        for row, steps in enumerate((0, 15, 300)):
            axis.text(-1, 9 * row + 4, f"{steps} steps", ha="right", va="center", fontsize=9)
    return figure
