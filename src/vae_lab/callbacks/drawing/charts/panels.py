"""Small pictures of one size in rows, each below its name.

Shapes: C channels, H and W pixels.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor

from vae_lab.callbacks.drawing.canvas import line_height
from vae_lab.callbacks.drawing.charts.framed import mark
from vae_lab.callbacks.drawing.charts.plot import Heading, Plot
from vae_lab.callbacks.drawing.letters import shortened

MOST_COLUMNS = 5

SMALLEST = 120  # units that a picture is enlarged to, by a whole factor

GAP = 14  # units between pictures


class Panels(NamedTuple):
    """Pictures of one size, up to five in a row; a small one is enlarged by a whole factor."""

    heading: Heading
    panels: Sequence[tuple[str, Tensor]]  # names, and bytes (C, H, W)
    marked: Sequence[tuple[int, int, int, int]] = ()  # left, top, right, bottom of cells to frame
    facts: Mapping[str, Any] = MappingProxyType({})  # for readers of the file; see `Canvas`

    def layout(self) -> Plot:
        channels, height, width = self.panels[0][1].shape
        # The fewest rows, and as many in each of them as in the others.
        rows = math.ceil(len(self.panels) / MOST_COLUMNS)
        columns = math.ceil(len(self.panels) / rows)
        zoom = max(1, -(-SMALLEST // width))
        across = zoom * width + GAP
        plot = Plot(self.heading, width=columns * across - GAP, height=0, coloured=channels == 3)
        head = line_height(plot.size)
        down = head + zoom * height + GAP
        for number, (name, picture) in enumerate(self.panels):
            row, column = divmod(number, columns)
            left, top = plot.left + column * across, plot.top + row * down + head
            self._draw(plot, name, picture, (left, top), zoom)
        plot.grid = (plot.left, plot.top, plot.right, plot.top + rows * down - GAP)
        plot.height = plot.grid[3] + GAP
        plot.facts.update(self.facts)
        return plot

    def _draw(
        self, plot: Plot, name: str, picture: Tensor, corner: tuple[int, int], zoom: int
    ) -> None:
        left, top = corner
        width = zoom * picture.shape[2]
        for text in shortened(name, size=plot.size, width=width, lines=1):
            plot.text(left + width / 2, top - 2, text, size=plot.size, anchor="mb")
        plot.picture(left, top, picture, zoom=zoom)
        for x1, y1, x2, y2 in self.marked:
            edges = (left + zoom * x1, top + zoom * y1, left + zoom * x2, top + zoom * y2)
            mark(plot, *edges, thick=max(1, round(plot.size / 14)))
