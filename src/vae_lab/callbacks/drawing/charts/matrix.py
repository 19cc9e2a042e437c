"""Shares in cells: rows and columns with names, in panels beside each other."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from vae_lab.callbacks.drawing.canvas import FAINT, INK, PAPER
from vae_lab.callbacks.drawing.charts.plot import Heading, Plot
from vae_lab.callbacks.drawing.letters import length

HIGH = 16  # units of a row

GAP = 18  # units between two panels

SIZE = 10  # units of the numbers in cells

WIDEST = 26  # units of a cell at least

# The colour of a share of 1; that of 0 is paper.
FULL = (0x1B, 0x5E, 0x9E)


class MatrixPanel(NamedTuple):
    """A name, and shares in [0, 1], a row of them per row of the picture."""

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
        wide = max(WIDEST, *(math.ceil(length(name, size=SIZE)) + 6 for name in self.columns))
        panel = wide * len(self.columns)
        across = [
            (k * (panel + GAP) + (c + 0.5) * wide, name)
            for k in range(len(self.panels))
            for c, name in enumerate(self.columns)
        ]
        plot = Plot(
            self.heading,
            width=len(self.panels) * (panel + GAP) - GAP,
            height=HIGH * (len(self.rows) + 1),
            across=across,
            upwards=[((r + 1.5) * HIGH, name) for r, name in enumerate(self.rows)],
            axes=self.axes,
        )
        plot.facts.update(self._facts())
        for k, one in enumerate(self.panels):
            left = plot.left + k * (panel + GAP)
            plot.text(left + panel / 2, plot.top + HIGH / 2, one.name, size=plot.size)
            for r, shares in enumerate(one.shares):
                for c, share in enumerate(shares):
                    self._cell(plot, left + c * wide, plot.top + (r + 1) * HIGH, wide, share)
        return plot

    def _cell(self, plot: Plot, left: float, top: float, wide: float, share: float) -> None:
        plot.box(left, top, left + wide, top + HIGH, FAINT)
        plot.box(left + 1, top + 1, left + wide, top + HIGH, shade(share))
        # Cells of almost nothing stay quiet: what is there is to be seen first.
        if share >= 0.01:
            colour = PAPER if share > 0.5 else INK
            text = f"{share:.2f}"
            plot.text(left + wide / 2, top + HIGH / 2, text, size=SIZE, colour=colour)

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
