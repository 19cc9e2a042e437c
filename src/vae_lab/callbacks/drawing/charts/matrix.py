"""Shares in cells: rows and columns with names, in panels below each other."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from vae_lab.callbacks.drawing.canvas import FAINT, INK, PAPER, legible, line_height
from vae_lab.callbacks.drawing.charts.plot import BESIDE, Heading, Plot
from vae_lab.callbacks.drawing.letters import length

LARGEST = 20  # size of letters, however wide the chart is

BETWEEN = 8  # units between the texts of two columns

# Texts on a cell of more than this are white.
DARK = 0.8

# A share below this has no number: what is there is to be seen first.
LEAST = 0.02

# The colour of a share of 1; that of 0 is paper.
FULL = (0x1B, 0x5E, 0x9E)


class MatrixPanel(NamedTuple):
    """A name, and shares in [0, 1], a list of them per row of the picture."""

    name: str
    shares: Sequence[Sequence[float]]


class Matrix(NamedTuple):
    """Panels with the same rows and the same columns; each cell says its share."""

    heading: Heading
    panels: Sequence[MatrixPanel]
    rows: Sequence[str]
    columns: Sequence[str]
    axes: tuple[str, str]

    def layout(self) -> Plot:
        wide, high = self._cells()
        # Above each panel there is a row for its name.
        panel = high * (len(self.rows) + 1)
        tops = [k * panel for k in range(len(self.panels))]
        names = list(enumerate(self.rows, start=1))
        plot = Plot(
            self.heading,
            width=wide * len(self.columns),
            height=panel * len(self.panels),
            across=[((c + 0.5) * wide, name) for c, name in enumerate(self.columns)],
            upwards=[(top + (r + 0.5) * high, name) for top in tops for r, name in names],
            axes=self.axes,
        )
        plot.facts.update(self._facts())
        for top, one in zip(tops, self.panels, strict=True):
            y = plot.top + top
            plot.text(plot.left, y + high / 2, one.name, size=plot.size, anchor="lm")
            plot.box(plot.left, y + high, plot.right + 1, y + panel + 1, FAINT)
            for r, shares in enumerate(one.shares, start=1):
                for c, share in enumerate(shares):
                    self._cell(plot, (plot.left + c * wide, y + r * high, wide, high), share)
        return plot

    def _cells(self) -> tuple[int, int]:
        """Returns width and height of a cell, in which texts have room that grow with the chart."""
        size, wide = 0, 0
        # The letters grow with the chart, and the chart with its letters: a few steps settle it.
        for _ in range(5):
            names = max(length(name, size=size) for name in self.rows) if size else 0
            size = min(LARGEST, legible(math.ceil(wide * len(self.columns) + names) + BESIDE))
            texts = (*self.columns, "0.00")
            wide = max(math.ceil(length(text, size=size)) + BETWEEN for text in texts)
        return wide, line_height(size) + 6

    def _cell(self, plot: Plot, place: tuple[float, float, int, int], share: float) -> None:
        left, top, wide, high = place
        plot.box(left + 1, top + 1, left + wide, top + high, shade(share))
        if share >= LEAST:
            colour = PAPER if share > DARK else INK
            middle = (left + wide / 2, top + high / 2)
            plot.text(*middle, f"{share:.2f}", size=plot.size, colour=colour)

    def _facts(self) -> dict[str, Any]:
        return {
            "rows": list(self.rows),
            "columns": list(self.columns),
            "panels": {one.name: [list(row) for row in one.shares] for one in self.panels},
        }


def shade(share: float) -> str:
    """Returns the colour of a share in [0, 1]: from paper to full."""
    parts = (round(255 + (full - 255) * min(max(share, 0.0), 1.0)) for full in FULL)
    return "#" + "".join(f"{part:02x}" for part in parts)
