"""Points, coloured by label.

Shapes: N points, G groups.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import MARGIN, QUIET, ticks
from vae_lab.callbacks.drawing.charts.plot import Heading, Plot, Tick
from vae_lab.callbacks.drawing.letters import label_name, legend_width, length

SIDE = 260  # units of the square

LEGEND = 32  # units from one's mark to the end of a short name

ROW = 15  # units from one line of the legend to the next

MOST_NAMES = SIDE // ROW

EDGE = 3  # units from the edge to the points that lie beyond it

# So many points are drawn opaque; of more, each is so transparent that the rest shines through.
OPAQUE, FAINTEST = 500, 0.4


class Window(NamedTuple):
    """What is shown: a square around a point, whose units are the same on both axes."""

    centre: tuple[float, float]
    reach: float  # from the centre to each edge

    def edges(self) -> tuple[list[float], list[float]]:
        """Returns the values at the left and the right, and at the bottom and the top."""
        (x, y), reach = self.centre, self.reach
        return [x - reach, x + reach], [y - reach, y + reach]


class Scatter(NamedTuple):
    """Points in a square with equal units on both axes, coloured by label."""

    heading: Heading
    points: Tensor  # (N, 2); points that are not finite are left out, those beyond put at the edge
    labels: Tensor | None  # (N,), or one colour for all
    axes: tuple[str, str]
    window: Window
    rows: Sequence[Tick] | None = None  # names on the vertical axis, if it has no numbers
    names: Sequence[str] | None = None  # of the labels 0, 1, ...; None: their numbers
    rings: Sequence[float] = ()  # radii of circles around the centre
    numbered: bool = True  # whether the axes have numbers
    facts: Mapping[str, Any] = MappingProxyType({})  # for readers of the file; see `Canvas`

    def layout(self) -> Plot:
        names, more = self._legend()
        texts = [*names, *more]
        across, upwards = self._ticks()
        plot = Plot(
            self.heading,
            width=SIDE,
            height=SIDE,
            across=across,
            upwards=upwards,
            axes=self.axes,
            beside=(0, max(LEGEND, legend_width(texts)) if texts else MARGIN),
        )
        plot.levels(across, upwards)
        finite = self.points.isfinite().all(dim=1)
        places = self._places(plot, self.points[finite].double())
        groups = self._groups()[finite]
        self._dots(plot, places, groups)
        self._rings(plot)
        plot.frame()
        for row, text in enumerate(texts):
            y = plot.top + ROW * (row + 0.5)
            plot.text(plot.right + 18, y, text, size=plot.size, anchor="lm")
            if row < len(names):
                plot.dot(plot.right + 9, y, group=row, radius=4)
        # Of many labels the names would cover the points; rows have theirs on the axis.
        if self.rows is None and not more:
            self._name(plot, places, groups, names)
        plot.facts.update(self.facts)
        return plot

    def _groups(self) -> Tensor:
        """Returns the group of each point, (N,): the place of its label among those there are."""
        if self.labels is None:
            return torch.zeros(len(self.points), dtype=torch.long)
        return torch.unique(self.labels, return_inverse=True)[1]

    def _legend(self) -> tuple[list[str], list[str]]:
        """Returns the names of groups, and a text for those that have no room."""
        labels = [] if self.labels is None else torch.unique(self.labels).tolist()
        if len(labels) <= MOST_NAMES:
            return [label_name(label, self.names) for label in labels], []
        shown = labels[: MOST_NAMES - 1]
        names = [label_name(label, self.names) for label in shown]
        return names, [f"and {len(labels) - len(shown)} more"]

    def _lows_and_units(self) -> tuple[Tensor, Tensor]:
        """Returns the values at the left and the bottom, and units per 1, both (2,) in float64."""
        edges = torch.tensor(self.window.edges(), dtype=torch.float64)  # (2, 2)
        if self.rows is not None:  # rows are not lengths: they have a unit of their own
            edges[1] = torch.tensor([self.rows[0][0] - 0.5, self.rows[-1][0] + 0.5])
        return edges[:, 0], SIDE / (edges[:, 1] - edges[:, 0])

    def _ticks(self) -> tuple[list[Tick], list[Tick]]:
        if not self.numbered:
            return [], []
        low, unit = self._lows_and_units()
        (left, right), (bottom, top) = self.window.edges()
        values = self.rows or ticks(bottom, top, at_most=9)
        across = [
            (((value - low[0]) * unit[0]).item(), name)
            for value, name in ticks(left, right, at_most=9)
        ]
        return across, [
            ((SIDE - (value - low[1]) * unit[1]).item(), name) for value, name in values
        ]

    def _places(self, plot: Plot, points: Tensor) -> Tensor:
        """Returns where points (N, 2) are drawn, in units, (N, 2): inside of the area."""
        low, unit = self._lows_and_units()
        inside = ((points - low) * unit).clamp(EDGE, SIDE - EDGE)
        # Upwards in the chart is downwards in pixels.
        corner = torch.tensor([plot.left, plot.bottom], dtype=torch.float64)
        return corner + inside * torch.tensor([1.0, -1.0], dtype=torch.float64)

    def _rings(self, plot: Plot) -> None:
        middle = (plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2
        unit = SIDE / (2 * self.window.reach)
        for radius in self.rings:
            plot.circle(*middle, radius * unit, QUIET)

    def _dots(self, plot: Plot, places: Tensor, groups: Tensor) -> None:
        """Draws the points in their order, which mixes labels: none hides the others."""
        opacity = max(FAINTEST, min(1.0, (OPAQUE / max(1, len(places))) ** 0.5))
        for (x, y), group in zip(places.tolist(), groups.tolist(), strict=True):
            plot.dot(x, y, group=group, radius=2.25, opacity=opacity)

    def _name(self, plot: Plot, places: Tensor, groups: Tensor, names: Sequence[str]) -> None:
        """Writes each name at the median of its points, or as near as the others allow.

        Where that is far away for one of them, as in a plane that all share, it writes none.
        """
        there = [group for group in range(len(names)) if (groups == group).any()]
        medians = [places[groups == group].median(dim=0).values.tolist() for group in there]
        size = round(1.45 * plot.size)
        sizes = [(length(names[group], size=size) + 2, 0.85 * size) for group in there]
        pushed = apart(medians, sizes)
        if all(math.dist(*ways) <= 2 * size for ways in zip(medians, pushed, strict=True)):
            for (x, y), group in zip(pushed, there, strict=True):
                plot.text(x, y, names[group], size=size, halo=True)


def apart(
    middles: Sequence[Sequence[float]], sizes: Sequence[tuple[float, float]]
) -> list[list[float]]:
    """Returns the middles of boxes of these widths and heights, pushed until no two overlap.

    Each pair that overlaps is pushed along the axis on which it takes the shorter way; boxes with
    the same middle move by their order. If there is no room, some overlap is left.
    """
    places = [list(middle) for middle in middles]
    for _ in range(100):
        moved = False
        for a, b in combinations(range(len(places)), 2):
            way = [places[b][axis] - places[a][axis] for axis in (0, 1)]
            overlap = [(sizes[a][axis] + sizes[b][axis]) / 2 - abs(way[axis]) for axis in (0, 1)]
            if min(overlap) > 1e-6:
                axis = overlap.index(min(overlap))
                push = math.copysign(min(overlap) / 2, way[axis])
                places[a][axis] -= push
                places[b][axis] += push
                moved = True
        if not moved:
            break
    return places
