"""Bars in two colours: above and below a threshold."""

from collections.abc import Sequence
from typing import NamedTuple

from vae_lab.callbacks.drawing.canvas import INK, ticks
from vae_lab.callbacks.drawing.charts.plot import Heading, Plot
from vae_lab.callbacks.drawing.style import PALETTE

WIDTH, HEIGHT = 260, 150

BELOW_ZERO = 6  # units of the area below 0, so that a low threshold is seen beside the axis

MOST_VALUES = 6  # bars that have room for their heights in numbers

THRESHOLD = PALETTE[2]


class Bars(NamedTuple):
    """Bars, the largest first, in two colours by a threshold; they fill their axis."""

    heading: Heading
    heights: Sequence[float]  # in descending order
    names: Sequence[str]  # one per bar
    threshold: float
    axes: tuple[str, str]

    def layout(self) -> Plot:
        highest = max(*self.heights, 2 * self.threshold)
        # Above the highest bar there is room for its number.
        unit = (HEIGHT - BELOW_ZERO) / (1.15 * highest)
        zero = HEIGHT - BELOW_ZERO
        upwards = [
            (zero - value * unit, name) for value, name in ticks(0, 1.15 * highest, at_most=6)
        ]
        pitch = WIDTH / len(self.heights)
        across = [((k + 0.5) * pitch, name) for k, name in enumerate(self.names)]
        plot = Plot(
            self.heading,
            width=WIDTH,
            height=HEIGHT,
            across=across,
            upwards=upwards,
            axes=self.axes,
        )
        plot.levels([], upwards)
        self._draw(plot, zero=plot.top + zero, unit=unit, pitch=pitch)
        return plot

    def _draw(self, plot: Plot, *, zero: float, unit: float, pitch: float) -> None:
        gap = pitch / 8 if pitch >= 5 else 0
        for k, height in enumerate(self.heights):
            colour = PALETTE[0] if height > self.threshold else PALETTE[3]
            x = plot.left + k * pitch
            plot.box(x + gap, zero - height * unit, x + pitch - gap, zero, colour)
            if len(self.heights) <= MOST_VALUES:
                above = zero - height * unit - 2
                text = f"{height:.2f}"
                plot.text(x + pitch / 2, above, text, size=plot.size, anchor="mb")
        plot.box(plot.left, zero, plot.right, zero + 1, INK)
        line = zero - self.threshold * unit
        for y in (line - 1, line):  # two units thick: it can lie on the axis
            plot.dashes(plot.left, plot.right, y, THRESHOLD)
