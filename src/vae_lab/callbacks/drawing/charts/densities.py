"""Densities of a plane in small panels, each with two Gaussians on top and an image above.

Shapes: C channels, H and W pixels, S steps along each side of a panel.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import INK, MARGIN, PAPER, QUIET, Canvas, line_height, ticks
from vae_lab.callbacks.drawing.charts.plot import Heading, Plot
from vae_lab.callbacks.drawing.charts.scatter import Window
from vae_lab.callbacks.drawing.curves import ellipse
from vae_lab.callbacks.drawing.letters import length, shortened, wrapped
from vae_lab.callbacks.drawing.style import PALETTE

COLUMNS = 4
SIDE = 120  # units of a panel's square
PITCH = 152  # units from one panel to the next
HEAD = 70  # units above a panel, for the image and the texts beside it
IMAGE = 64  # units of an image's longer side, or less

OVERHANG = 8  # units that a number may stand beyond its axis
BETWEEN = 4  # units between two numbers

RINGS = (1.0, 2.0)  # standard deviations

# Of the first and the second Gaussian: the group whose colour and mark it has, and its dashes.
GROUPS, DASHES = (0, 6), (0.0, 5.0)

LINE, CASING = 2.2, 4.4  # units: width of a curve, and of the white line behind it


class Moments(NamedTuple):
    """The mean and the covariance of a Gaussian of the plane."""

    mean: Tensor  # (2,)
    covariance: Tensor  # (2, 2)


class Panel(NamedTuple):
    """A density in a square of the plane, and what is drawn with it."""

    image: Tensor  # bytes, (C, H, W)
    name: str
    window: Window
    log_density: Tensor  # in the middle of each cell, (S, S): rows upwards, columns to the right
    gaussians: tuple[Moments, Moments]
    values: tuple[str, str]  # a text about each Gaussian


class Densities(NamedTuple):
    """Panels in rows of four, below a heading, with one legend."""

    heading: Heading
    panels: Sequence[Panel]
    legend: tuple[str, str]  # what the two Gaussians are, and their texts
    scale: str  # what the shades are
    facts: Mapping[str, Any] = MappingProxyType({})  # for readers of the file; see `Canvas`

    def layout(self) -> Plot:
        columns = min(COLUMNS, len(self.panels))
        rows = math.ceil(len(self.panels) / COLUMNS)
        width = COLUMNS * PITCH  # also of a few panels: the letters have their size
        plot = Plot(self.heading, width=width, height=0)
        line = line_height(plot.size)
        high = HEAD + SIDE + line + 12
        for number, panel in enumerate(self.panels):
            row, column = divmod(number, columns)
            left = plot.left + column * PITCH + PITCH - SIDE - 4
            top = plot.top + row * high + HEAD
            _head(plot, panel, left, top - 8)
            _draw(plot, panel, left, top)
        plot.grid = (plot.left, plot.top, plot.right, plot.top + rows * high)
        plot.height = plot.grid[3]
        self._explain(plot)
        plot.facts.update(self.facts)
        plot.zoom = 1
        return plot

    def _explain(self, plot: Plot) -> None:
        """Writes the legend below the panels."""
        size, line = plot.size, line_height(plot.size)
        start = plot.left + 62
        for group, dash, text in zip(GROUPS, DASHES, self.legend, strict=True):
            middle = plot.left + 25, plot.height + line / 2
            around = ellipse(middle, ((24, 0), (0, line / 2 - 3)))
            plot.curve(around, PALETTE[group], width=LINE, dash=dash)
            plot.dot(*middle, group=group, radius=6)
            _lines(plot, start, text, size)
        shades = 50
        ramp = torch.linspace(0, 1, shades).expand(line - 10, -1)
        box = (plot.left, plot.height + 5, plot.left + shades, plot.height + line - 5)
        plot.picture(box[0], box[1], shaded(ramp))
        _outline(plot, *box)
        _lines(plot, start, self.scale, size)


def _lines(plot: Plot, left: float, text: str, size: int) -> None:
    """Writes a text at the end of a plot, in as many lines as it takes."""
    for part in wrapped(text, size=size, width=plot.width - MARGIN - left):
        plot.text(left, plot.height, part, size=size, anchor="lt")
        plot.height += line_height(size)


def _head(plot: Plot, panel: Panel, left: int, bottom: int) -> None:
    """Draws the image above a panel, and writes beside it."""
    picture = small(panel.image, IMAGE)
    zoom = max(1, IMAGE // max(picture.shape[1:]))
    height, width = (zoom * edge for edge in picture.shape[1:])
    corner = left - 28
    shown = picture.expand(3, -1, -1)
    plot.picture(corner, bottom - height, shown, zoom=zoom)
    start, size = corner + width + 6, plot.size - 2
    room = corner + PITCH - 6 - start
    for text in shortened(panel.name, size=size, width=room, lines=1):
        plot.text(start, bottom - HEAD + 11, text, size=size, anchor="lt")
    for row, (group, value) in enumerate(zip(GROUPS, panel.values, strict=True)):
        y = bottom - HEAD + 41 + 20 * row
        plot.dot(start + 5, y, group=group, radius=5.5)
        plot.text(start + 15, y, value, size=size, anchor="lm")


def _draw(plot: Plot, panel: Panel, left: int, top: int) -> None:
    """Draws the density, the Gaussians on it, and the numbers of the axes."""
    plot.picture(left, top, shaded(_shares(panel.log_density)))
    (low_x, high_x), (low_y, high_y) = panel.window.edges()
    unit = SIDE / (high_x - low_x)
    middles, rings = [], []
    for gaussian in panel.gaussians:
        x, y = gaussian.mean.tolist()
        middles.append((left + (x - low_x) * unit, top + (high_y - y) * unit))
        factor = torch.linalg.cholesky(gaussian.covariance.double())
        # Upwards in the plane is downwards in units.
        half_axes = factor * torch.tensor([[unit], [-unit]], dtype=torch.float64)
        rings.append([ellipse(middles[-1], (ring * half_axes).tolist()) for ring in RINGS])
    for points in chain(*rings):  # below all lines, so that it cuts none
        plot.curve(points, PAPER, width=CASING)
    for group, dash, both in zip(GROUPS, DASHES, rings, strict=True):
        for points in both:
            plot.curve(points, PALETTE[group], width=LINE, dash=dash)
    for group, middle, radius in zip(GROUPS, middles, (5, 4), strict=True):
        plot.dot(*middle, group=group, radius=radius)
    _outline(plot, left, top, left + SIDE, top + SIDE)
    size = plot.size - 4
    for place, text in _numbers(low_x, high_x, size):
        plot.box(left + place - 0.5, top + SIDE, left + place + 0.5, top + SIDE + 4, QUIET)
        plot.text(left + place, top + SIDE + 4, text, size=size, anchor="mt")
    for place, text in _numbers(low_y, high_y, size):
        y = top + SIDE - place
        plot.box(left - 4, y - 0.5, left, y + 0.5, QUIET)
        plot.text_upwards(left - 4 - line_height(size) / 2, y, text, size=size)


def _numbers(low: float, high: float, size: int) -> list[tuple[float, str]]:
    """Returns round numbers of an axis and their places in units: two or more that fit."""
    for at_most in range(3, 9):
        kept: list[tuple[float, str]] = []
        end: float = -OVERHANG
        for value, text in ticks(low, high, at_most=at_most):
            place, half = (value - low) / (high - low) * SIDE, length(text, size=size) / 2
            if end <= place - half and place + half <= SIDE + OVERHANG:
                kept.append((place, text))
                end = place + half + BETWEEN
        if len(kept) > 1:
            break
    return kept


def _outline(plot: Canvas, left: float, top: float, right: float, bottom: float) -> None:
    plot.box(left - 1, top - 1, right + 1, top, QUIET)
    plot.box(left - 1, bottom, right + 1, bottom + 1, QUIET)
    plot.box(left - 1, top - 1, left, bottom + 1, QUIET)
    plot.box(right, top - 1, right + 1, bottom + 1, QUIET)


def _shares(log_density: Tensor) -> Tensor:
    """Returns densities as shares of the largest, finer than the grid, first row at the top."""
    # The logarithm is close to a parabola, and this cubic is exact for one (of the two that torch
    # has, the one it takes with antialias).
    relative = (log_density - log_density.max()).clamp(min=-50)[None, None]
    fine = F.interpolate(relative, size=(SIDE, SIDE), mode="bicubic", antialias=True)[0, 0]
    return (fine - fine.max()).exp().flip(0)


def shaded(shares: Tensor) -> Tensor:
    """Returns bytes (3, H, W): white where a share (H, W) is 0, dark where it is 1."""
    ends = torch.tensor([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in (PAPER, INK)])
    paper, ink = ends[:, :, None, None].to(shares)
    return (paper + (ink - paper) * shares).round().to(torch.uint8)


def small(picture: Tensor, side: int) -> Tensor:
    """Returns a picture of bytes (C, H, W) reduced by a whole factor until it fits a square."""
    factor = math.ceil(max(picture.shape[1:]) / side)
    reduced = F.avg_pool2d(picture.float(), factor, ceil_mode=True)
    return reduced.round().to(torch.uint8)
