"""The kinds of charts: a scatter, bars, a picture between its axes.

Each is a `Drawing`: what it shows, in numbers, which `layout` draws. Shapes: N points.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import FAINT, INK, MARGIN, QUIET, Canvas, ticks
from vae_lab.callbacks.drawing.letters import (
    TEXT,
    TICK,
    TITLE,
    label_name,
    legend_width,
    wrapped,
)
from vae_lab.callbacks.drawing.style import PALETTE

LINE_HEIGHT = 15  # units from one line of a title to the next

LEFT = 52  # room for the numbers and the name of a vertical axis

BELOW = 40  # for those of a horizontal axis

SIDE, LEGEND = 400, 44  # of a scatter

MOST_NAMES = 22  # that its height has room for

BARS_WIDTH, BARS_HEIGHT = 440, 220

NARROWEST = 200  # what a heading needs

Tick = tuple[float, str]


class Heading(NamedTuple):
    """What stands above a chart."""

    title: str
    subtitle: str


class Plot(Canvas):
    """A heading above an area between axes, whose edges are left, top, right and bottom."""

    def __init__(
        self,
        heading: Heading,
        *,
        left: int,
        width: int,
        height: int,
        beside: int = MARGIN,
        coloured: bool = True,
    ) -> None:
        """Draws the heading; beside an area of width x height there is room in units."""
        reach = max(width, NARROWEST)
        lines = [
            (line, size, colour)
            for text, size, colour in zip(heading, (TITLE, TEXT), (INK, QUIET), strict=True)
            for line in wrapped(text, size=size, width=reach)
        ]
        self.left, self.top = left, MARGIN + LINE_HEIGHT * len(lines) + 6
        self.right, self.bottom = left + width, self.top + height
        width, height = left + reach + beside, self.bottom + BELOW
        super().__init__(width=width, height=height, coloured=coloured)
        self.grid = (self.left, self.top, self.right, self.bottom)
        for k, (line, size, colour) in enumerate(lines):
            self.text(left, MARGIN + k * LINE_HEIGHT, line, size=size, anchor="lt", colour=colour)

    def levels(self, upwards: Sequence[Tick]) -> None:
        """Draws a faint line across the area at each tick of the vertical axis."""
        for y, _ in upwards:
            self.box(self.left, y, self.right, y + 1, FAINT)

    def frame(self) -> None:
        """Draws a thin line around the area."""
        left, top, right, bottom = self.left, self.top, self.right, self.bottom
        self.box(left - 1, top - 1, right + 1, top, QUIET)
        self.box(left - 1, bottom, right + 1, bottom + 1, QUIET)
        self.box(left - 1, top, left, bottom, QUIET)
        self.box(right, top, right + 1, bottom, QUIET)

    def axes(self, across: Sequence[Tick], upwards: Sequence[Tick], names: tuple[str, str]) -> None:
        """Writes the numbers of both axes, each with a tick towards its place, and their names."""
        for x, name in across:
            if name:
                self.box(x, self.bottom + 1, x + 1, self.bottom + 4, QUIET)
                self.text(x + 0.5, self.bottom + 5, name, size=TICK, anchor="mt")
        for y, name in upwards:
            self.box(self.left - 4, y, self.left - 1, y + 1, QUIET)
            self.text(self.left - 7, y + 0.5, name, size=TICK, anchor="rm")
        middle, below = (self.left + self.right) / 2, self.bottom + BELOW // 2 - 1
        self.text(middle, below, names[0], anchor="mt")
        self.text_upwards(MARGIN + 2, (self.top + self.bottom) / 2, names[1])


class Scatter(NamedTuple):
    """Points in a square with equal units on both axes, coloured by label."""

    heading: Heading
    points: Tensor  # (N, 2); points that are not finite are left out
    labels: Tensor | None  # (N,), or one colour for all
    axes: tuple[str, str]
    rows: Sequence[Tick] | None  # names on the vertical axis, if it has no numbers
    names: Sequence[str] | None = None  # of the labels 0, 1, ...; None: their numbers

    def layout(self) -> Plot:
        labels = [] if self.labels is None else torch.unique(self.labels).tolist()
        names = [label_name(label, self.names) for label in labels[:MOST_NAMES]]
        more = [f"and {len(labels)} more"] * (len(labels) > MOST_NAMES)
        legend = legend_width([*names, *more])
        beside = max(LEGEND, legend) if labels else MARGIN
        plot = Plot(self.heading, left=LEFT, width=SIDE, height=SIDE, beside=beside)
        finite = self.points.isfinite().all(dim=1)
        points = self.points[finite].double()
        low, unit = self._window(points)
        self._axes(plot, low, unit)
        # Upwards in the chart is downwards in pixels.
        corner = torch.tensor([plot.left, plot.bottom], dtype=torch.float64)
        flip = torch.tensor([1.0, -1.0], dtype=torch.float64)
        places = corner + flip * (points - low) * unit
        self._dots(plot, places, None if self.labels is None else self.labels[finite])
        return plot

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

    def _axes(self, plot: Plot, low: Tensor, unit: Tensor) -> None:
        (first_x, first_y), (unit_x, unit_y) = low.tolist(), unit.tolist()
        across = [
            (plot.left + (value - first_x) * unit_x, name)
            for value, name in ticks(first_x, first_x + SIDE / unit_x, at_most=8)
        ]
        places = self.rows or ticks(first_y, first_y + SIDE / unit_y, at_most=8)
        upwards = [(plot.bottom - (value - first_y) * unit_y, name) for value, name in places]
        for x, _ in across:
            plot.box(x, plot.top, x + 1, plot.bottom, FAINT)
        plot.levels(upwards)
        plot.frame()
        plot.axes(across, upwards, self.axes)

    def _dots(self, plot: Plot, places: Tensor, labels: Tensor | None) -> None:
        """Draws the points in their order, which mixes labels: none hides the others."""
        if labels is None:
            for x, y in places.tolist():
                plot.dot(x, y, group=0, radius=2)
            return
        classes, groups = torch.unique(labels, return_inverse=True)
        for (x, y), group in zip(places.tolist(), groups.tolist(), strict=True):
            plot.dot(x, y, group=group, radius=2.25)
        shown = classes.tolist()
        if len(shown) > MOST_NAMES:
            shown = shown[: MOST_NAMES - 1]
            y = plot.top + 12 + 18 * len(shown)
            plot.text(plot.right + 24, y, f"and {len(classes) - len(shown)} more", anchor="lm")
        for group, label in enumerate(shown):
            y = plot.top + 12 + 18 * group
            plot.dot(plot.right + 14, y, group=group, radius=4)
            name = label_name(label, self.names)
            plot.text(plot.right + 24, y, name, anchor="lm")
            # Of many labels the names would cover the points.
            if self.rows is None and len(shown) == len(classes):
                x, y = places[groups == group].median(dim=0).values.tolist()
                plot.text(x, y, name, size=TITLE + 3, halo=True)


class Bars(NamedTuple):
    """Bars from the largest to the smallest, told apart at a threshold."""

    heading: Heading
    heights: Sequence[float]  # in descending order
    names: Sequence[str]  # one per bar
    threshold: float
    axes: tuple[str, str]

    def layout(self) -> Plot:
        plot = Plot(self.heading, left=LEFT, width=BARS_WIDTH, height=BARS_HEIGHT)
        left, right, bottom = plot.left, plot.right, plot.bottom
        highest = 1.08 * max(*self.heights, 2 * self.threshold)
        unit = BARS_HEIGHT / highest
        upwards = [(bottom - value * unit, name) for value, name in ticks(0, highest, at_most=6)]
        plot.levels(upwards)
        pitch = min(BARS_WIDTH / len(self.heights), 60.0)
        gap = pitch / 5 if pitch >= 5 else 0
        for k, height in enumerate(self.heights):
            colour = PALETTE[0] if height > self.threshold else PALETTE[3]
            x = left + k * pitch
            plot.box(x + gap, bottom - height * unit, x + pitch - gap, bottom, colour)
        plot.dashes(left, right, bottom - self.threshold * unit, INK)
        plot.box(left, bottom, right, bottom + 1, INK)
        across = [(left + (k + 0.5) * pitch, name) for k, name in enumerate(self.names)]
        plot.axes(across, upwards, self.axes)
        return plot


class Framed(NamedTuple):
    """A picture between axes, pixel by pixel."""

    heading: Heading
    picture: Tensor  # bytes, (C, H, W)
    across: Sequence[Tick]  # places in pixels of the picture from its left edge
    upwards: Sequence[Tick]  # places from its upper edge
    axes: tuple[str, str]
    left: int  # room for the texts at its left

    def layout(self) -> Plot:
        channels, height, width = self.picture.shape
        area = {"left": self.left, "width": width, "height": height}
        plot = Plot(self.heading, **area, coloured=channels == 3)
        plot.frame()
        plot.picture(plot.left, plot.top, self.picture)
        across = [(plot.left + x, name) for x, name in self.across]
        plot.axes(across, [(plot.top + y, name) for y, name in self.upwards], self.axes)
        return plot
