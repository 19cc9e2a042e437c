"""A picture between axes.

Shapes: C channels, H and W pixels.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor

from vae_lab.callbacks.drawing.canvas import MARGIN, legible, line_height
from vae_lab.callbacks.drawing.charts.plot import BESIDE, Heading, Plot, Tick
from vae_lab.callbacks.drawing.grids import enlargement
from vae_lab.callbacks.drawing.letters import shortened

MARK = "#ffffff"


class Framed(NamedTuple):
    """A picture between axes, pixel by pixel; a small one is enlarged by a whole factor."""

    heading: Heading
    picture: Tensor  # bytes, (C, H, W)
    across: Sequence[Tick]  # places in pixels of the picture from its left edge
    upwards: Sequence[Tick]  # places from its upper edge
    axes: tuple[str, str]
    blocks: Sequence[Tick] = ()  # names of groups of rows, at the outer left
    marked: Sequence[tuple[int, int, int, int]] = ()  # left, top, right, bottom of cells to frame
    facts: Mapping[str, Any] = MappingProxyType({})  # for readers of the file; see `Canvas`

    def layout(self) -> Plot:
        channels, height, width = self.picture.shape
        zoom = enlargement(height, width)
        plot = Plot(
            self.heading,
            width=zoom * width,
            height=zoom * height,
            across=[(zoom * x, name) for x, name in self.across],
            upwards=[(zoom * y, name) for y, name in self.upwards],
            axes=self.axes,
            beside=(self._room(zoom * width), MARGIN),
            coloured=channels == 3,
        )
        plot.frame()
        plot.picture(plot.left, plot.top, self.picture, zoom=zoom)
        plot.facts.update(self.facts)
        for left, top, right, bottom in self.marked:
            start, end = (plot.left + zoom * edge for edge in (left, right))
            upper, lower = (plot.top + zoom * edge for edge in (top, bottom))
            # A line that is seen in a card.
            mark(plot, start, upper, end, lower, thick=max(2, round(plot.size / 8)))
        size = self._letters(zoom * width)
        for y, name in self.blocks:
            write = plot.text if len(name) <= 2 else plot.text_upwards
            room = zoom * height / len(self.blocks) - MARGIN / 2
            # Of names that are longer than their blocks, the ends would cover one another.
            for text in shortened(name, size=size, width=room, lines=1):
                write(MARGIN // 2 + line_height(size) / 2, plot.top + zoom * y, text, size=size)
        return plot

    def _letters(self, width: int) -> int:
        """Returns the size of the names of blocks."""
        return round(1.5 * legible(width + BESIDE))

    def _room(self, width: int) -> int:
        return line_height(self._letters(width)) if self.blocks else 0


def mark(plot: Plot, left: float, top: float, right: float, bottom: float, *, thick: float) -> None:
    """Draws a line around a cell of a plot, outside of it."""
    plot.box(left - thick, top - thick, right + thick, top, MARK)
    plot.box(left - thick, bottom, right + thick, bottom + thick, MARK)
    plot.box(left - thick, top, left, bottom, MARK)
    plot.box(right, top, right + thick, bottom, MARK)
