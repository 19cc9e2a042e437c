"""What all charts have: a heading, and an area between axes.

A chart is about as wide as TensorBoard's cards, or its letters are as much larger: they can be read
there. Each kind is a `Drawing`: what it shows, in numbers, which `layout` draws.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from vae_lab.callbacks.drawing.canvas import (
    FAINT,
    INK,
    MARGIN,
    QUIET,
    Canvas,
    legible,
    line_height,
)
from vae_lab.callbacks.drawing.letters import length, wrapped

Tick = tuple[float, str]

GAP = 6  # between an axis and its numbers

BESIDE = 60  # about what axes and margins add to the width of the area

NARROWEST = 220  # what a heading needs


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
        width: int,
        height: int,
        across: Sequence[Tick] = (),
        upwards: Sequence[Tick] = (),
        axes: tuple[str, str] = ("", ""),
        beside: tuple[int, int] = (0, MARGIN),
        coloured: bool = True,
    ) -> None:
        """Writes heading, numbers and names of the axes around an area of width x height.

        The places of ticks count from the area's upper left corner. `beside` is the room at the
        left of the vertical axis' numbers and at the right of the area.
        """
        self.size = size = legible(width + BESIDE)
        line = line_height(size)
        numbers = max((length(name, size=size) for _, name in upwards), default=0)
        outer = MARGIN // 2 + beside[0] + line * bool(axes[1])
        self.left = max(MARGIN, outer + math.ceil(numbers) + (GAP + 2) * bool(upwards))
        paper = max(self.left + width + beside[1], NARROWEST)
        texts = zip(heading, (round(1.15 * size), size), (INK, QUIET), strict=True)
        lines = [
            (part, height_of_text, colour)
            for text, height_of_text, colour in texts
            for part in wrapped(text, size=height_of_text, width=paper - 2 * MARGIN)
        ]
        self.top = MARGIN + sum(line_height(part[1]) for part in lines) + GAP
        self.right, self.bottom = self.left + width, self.top + height
        below = GAP + line * bool(across) + line * bool(axes[0])
        super().__init__(width=paper, height=self.bottom + below, coloured=coloured)
        self.grid = (self.left, self.top, self.right, self.bottom)
        y = MARGIN
        for part, height_of_text, colour in lines:
            self.text(MARGIN, y, part, size=height_of_text, anchor="lt", colour=colour)
            y += line_height(height_of_text)
        self._axes(across, upwards, axes, outer)

    def levels(self, across: Sequence[Tick], upwards: Sequence[Tick]) -> None:
        """Draws a faint line through the area at each tick."""
        for x, _ in across:
            self.box(self.left + x, self.top, self.left + x + 1, self.bottom, FAINT)
        for y, _ in upwards:
            self.box(self.left, self.top + y, self.right, self.top + y + 1, FAINT)

    def frame(self) -> None:
        """Draws a thin line around the area."""
        left, top, right, bottom = self.left, self.top, self.right, self.bottom
        self.box(left - 1, top - 1, right + 1, top, QUIET)
        self.box(left - 1, bottom, right + 1, bottom + 1, QUIET)
        self.box(left - 1, top - 1, left, bottom + 1, QUIET)
        self.box(right, top - 1, right + 1, bottom + 1, QUIET)

    def _axes(
        self,
        across: Sequence[Tick],
        upwards: Sequence[Tick],
        axes: tuple[str, str],
        outer: int,
    ) -> None:
        size, line = self.size, line_height(self.size)
        end = -math.inf
        for x, name in across:
            x, half = x + self.left, length(name, size=size) / 2
            # A number that would touch the one before is left out: an axis can be uneven.
            if name and x - half > end:
                self.box(x, self.bottom + 1, x + 1, self.bottom + 4, QUIET)
                self.text(x + 0.5, self.bottom + GAP - 1, name, size=size, anchor="mt")
                end = x + half + 3
        for y, name in upwards:
            y += self.top
            self.box(self.left - 4, y, self.left - 1, y + 1, QUIET)
            self.text(self.left - GAP, y + 0.5, name, size=size, anchor="rm")
        middle, below = (self.left + self.right) / 2, self.bottom + GAP + line * bool(across)
        self.text(middle, below - 1, axes[0], size=size, anchor="mt")
        self.text_upwards(outer - line / 2, (self.top + self.bottom) / 2, axes[1], size=size)
