"""The kinds of charts: a scatter, bars, a picture between its axes.

Each is a `Drawing`: what it shows, in numbers, which `render` draws. Shapes: N points.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import (
    FAINT,
    INK,
    QUIET,
    TEXT,
    TICK,
    TITLE,
    Canvas,
    label_name,
    legend_width,
    ticks,
    wrapped,
)
from vae_lab.callbacks.drawing.style import PALETTE

LINE_HEIGHT = 15  # units from one line of a title to the next

MARGIN = 10

LEFT = 52  # room for the numbers and the name of a vertical axis

BELOW = 40  # for those of a horizontal axis

SIDE, LEGEND = 400, 44  # of a scatter

BARS_WIDTH, BARS_HEIGHT = 440, 220

NARROWEST = 200  # what a heading needs

Tick = tuple[float, str]


class Heading(NamedTuple):
    """What stands above a chart."""

    title: str
    subtitle: str

    def lines(self, width: int) -> list[tuple[str, int, str]]:
        """Returns text, size and colour of each line, wrapped to a width in units."""
        parts = ((self.title, TITLE, INK), (self.subtitle, TEXT, QUIET))
        return [
            (line, size, colour)
            for text, size, colour in parts
            for line in wrapped(text, size=size, width=width)
        ]


class Scatter(NamedTuple):
    """Points in a square with equal units on both axes, coloured by label."""

    heading: Heading
    points: Tensor  # (N, 2); points that are not finite are left out
    labels: Tensor | None  # (N,), or one colour for all
    axes: tuple[str, str]
    rows: Sequence[Tick] | None  # names on the vertical axis, if it has no numbers
    names: Sequence[str] | None = None  # of the labels 0, 1, ...; None: their numbers

    def render(self, scale: int) -> Tensor:
        heading = self.heading.lines(SIDE)
        top = MARGIN + LINE_HEIGHT * len(heading) + 6
        labels = [] if self.labels is None else torch.unique(self.labels).tolist()
        legend = legend_width([label_name(label, self.names) for label in labels])
        width = LEFT + SIDE + (max(LEGEND, legend) if labels else MARGIN)
        canvas = Canvas(width=width, height=top + SIDE + BELOW, scale=scale, coloured=True)
        _write(canvas, heading, LEFT)
        finite = self.points.isfinite().all(dim=1)
        points = self.points[finite].double()
        labels = None if self.labels is None else self.labels[finite]
        low, unit = self._window(points)
        corner = torch.tensor([LEFT, top + SIDE], dtype=torch.float64)
        flip = torch.tensor([1.0, -1.0], dtype=torch.float64)
        self._axes(canvas, low, unit, top)
        self._dots(canvas, corner + flip * (points - low) * unit, labels, top)
        return canvas.pixels()

    def _window(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the lower left corner of what is shown, and units per 1, both (2,)."""
        if len(points) == 0:
            points = points.new_zeros(1, 2)
        low, high = points.amin(dim=0), points.amax(dim=0)
        reach = (high - low).max().clamp_min(1e-6).expand(2).clone()
        if self.rows is not None:  # rows are no lengths: they have a unit of their own
            reach[0] = (high - low)[0].clamp_min(1e-6)
            low[1], high[1] = self.rows[0][0], self.rows[-1][0]
            reach[1] = high[1] - low[1] + 1
        reach = reach * 1.06
        return (low + high - reach) / 2, SIDE / reach

    def _axes(self, canvas: Canvas, low: Tensor, unit: Tensor, top: int) -> None:
        bottom, right = top + SIDE, LEFT + SIDE
        (first_x, first_y), (unit_x, unit_y) = low.tolist(), unit.tolist()
        across = [
            (LEFT + (value - first_x) * unit_x, name)
            for value, name in ticks(first_x, first_x + SIDE / unit_x, at_most=8)
        ]
        places = self.rows or ticks(first_y, first_y + SIDE / unit_y, at_most=8)
        upwards = [(bottom - (value - first_y) * unit_y, name) for value, name in places]
        for x, _ in across:
            canvas.box(x, top, x + 1, bottom, FAINT)
        for y, _ in upwards:
            canvas.box(LEFT, y, right, y + 1, FAINT)
        _frame(canvas, LEFT, top, right, bottom)
        _label(canvas, LEFT, top, right, bottom, across, upwards)
        _name_axes(canvas, LEFT, top, right, bottom, self.axes)

    def _dots(self, canvas: Canvas, places: Tensor, labels: Tensor | None, top: int) -> None:
        """Draws the points in their order, which mixes labels: none hides the others."""
        if labels is None:
            for x, y in places.tolist():
                canvas.dot(x, y, group=0, radius=2)
            return
        classes, groups = torch.unique(labels, return_inverse=True)
        for (x, y), group in zip(places.tolist(), groups.tolist(), strict=True):
            canvas.dot(x, y, group=group, radius=2.25)
        for group, label in enumerate(classes.tolist()):
            y = top + 12 + 18 * group
            canvas.dot(LEFT + SIDE + 14, y, group=group, radius=4)
            name = label_name(label, self.names)
            canvas.text(LEFT + SIDE + 24, y, name, anchor="lm")
            if self.rows is None:
                x, y = places[groups == group].median(dim=0).values.tolist()
                canvas.text(x, y, name, size=TITLE + 3, halo=True)


class Bars(NamedTuple):
    """Bars from the largest to the smallest, told apart at a threshold."""

    heading: Heading
    heights: Sequence[float]  # in descending order
    names: Sequence[str]  # one per bar
    threshold: float
    axes: tuple[str, str]

    def render(self, scale: int) -> Tensor:
        heading = self.heading.lines(BARS_WIDTH)
        top = MARGIN + LINE_HEIGHT * len(heading) + 6
        bottom, right = top + BARS_HEIGHT, LEFT + BARS_WIDTH
        canvas = Canvas(width=right + MARGIN, height=bottom + BELOW, scale=scale, coloured=True)
        _write(canvas, heading, LEFT)
        highest = 1.08 * max(*self.heights, 2 * self.threshold)
        unit = BARS_HEIGHT / highest
        upwards = [(bottom - value * unit, name) for value, name in ticks(0, highest, at_most=6)]
        for y, _ in upwards:
            canvas.box(LEFT, y, right, y + 1, FAINT)
        pitch = min(BARS_WIDTH / len(self.heights), 60.0)
        gap = pitch / 5 if pitch >= 5 else 0
        for k, height in enumerate(self.heights):
            colour = PALETTE[0] if height > self.threshold else PALETTE[3]
            left = LEFT + k * pitch
            canvas.box(left + gap, bottom - height * unit, left + pitch - gap, bottom, colour)
        limit = bottom - self.threshold * unit
        canvas.dashes(LEFT, right, limit, INK)
        canvas.box(LEFT, bottom, right, bottom + 1, INK)
        across = [(LEFT + (k + 0.5) * pitch, name) for k, name in enumerate(self.names)]
        _label(canvas, LEFT, top, right, bottom, across, upwards)
        _name_axes(canvas, LEFT, top, right, bottom, self.axes)
        return canvas.pixels()


class Framed(NamedTuple):
    """A picture between axes, pixel by pixel, each enlarged to scale x scale."""

    heading: Heading
    picture: Tensor  # bytes, (C, H, W)
    across: Sequence[Tick]  # places in pixels of the picture from its left edge
    upwards: Sequence[Tick]  # places from its upper edge
    axes: tuple[str, str]
    left: int  # room for the texts at its left

    def render(self, scale: int) -> Tensor:
        channels, height, width = self.picture.shape
        heading = self.heading.lines(max(width, NARROWEST))
        top, right = self.top, self.left + width
        canvas = Canvas(
            width=self.left + max(width, NARROWEST) + MARGIN,
            height=top + height + BELOW,
            scale=scale,
            coloured=channels == 3,
        )
        _write(canvas, heading, self.left)
        _frame(canvas, self.left, top, right, top + height)
        canvas.picture(self.left, top, self.picture)
        across = [(self.left + x, name) for x, name in self.across]
        upwards = [(top + y, name) for y, name in self.upwards]
        _label(canvas, self.left, top, right, top + height, across, upwards)
        _name_axes(canvas, self.left, top, right, top + height, self.axes)
        return canvas.pixels()

    @property
    def top(self) -> int:
        """The unit at which the picture begins, below the heading."""
        return (
            MARGIN
            + LINE_HEIGHT * len(self.heading.lines(max(self.picture.shape[2], NARROWEST)))
            + 6
        )


def _write(canvas: Canvas, heading: Sequence[tuple[str, int, str]], left: int) -> None:
    for k, (text, size, colour) in enumerate(heading):
        canvas.text(left, MARGIN + k * LINE_HEIGHT, text, size=size, anchor="lt", colour=colour)


def _frame(canvas: Canvas, left: int, top: int, right: int, bottom: int) -> None:
    """Draws a thin line around what lies within left, top, right and bottom."""
    canvas.box(left - 1, top - 1, right + 1, top, QUIET)
    canvas.box(left - 1, bottom, right + 1, bottom + 1, QUIET)
    canvas.box(left - 1, top, left, bottom, QUIET)
    canvas.box(right, top, right + 1, bottom, QUIET)


def _label(
    canvas: Canvas,
    left: int,
    top: int,
    right: int,
    bottom: int,
    across: Sequence[Tick],
    upwards: Sequence[Tick],
) -> None:
    """Writes the numbers of both axes, each with a tick towards its place."""
    for x, name in across:
        if name:
            canvas.box(x, bottom + 1, x + 1, bottom + 4, QUIET)
            canvas.text(x + 0.5, bottom + 5, name, size=TICK, anchor="mt")
    for y, name in upwards:
        canvas.box(left - 4, y, left - 1, y + 1, QUIET)
        canvas.text(left - 7, y + 0.5, name, size=TICK, anchor="rm")


def _name_axes(
    canvas: Canvas, left: int, top: int, right: int, bottom: int, names: tuple[str, str]
) -> None:
    canvas.text((left + right) / 2, bottom + math.ceil(BELOW / 2) - 1, names[0], anchor="mt")
    canvas.text_upwards(MARGIN + 2, (top + bottom) / 2, names[1])
