"""Closed curves of a canvas, solid or dashed, painted smoothly.

Lengths are in units, x to the right and y downwards.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element

from PIL import Image, ImageDraw

from vae_lab.callbacks.drawing.marks import Paper, element

Points = Sequence[tuple[float, float]]

FINE = 4  # a pixel is this many times finer while a curve is painted


class Curve(NamedTuple):
    """A line through points and back to the first; dashed if `dash` is above 0."""

    points: Points
    colour: str
    width: float
    dash: float = 0  # length of a dash, and of the gap behind it

    def paint(self, paper: Paper) -> None:
        # On a mask of its own, finer than the paper: Pillow draws steps otherwise.
        edge = math.ceil(self.width) + 1
        left = math.floor(min(x for x, _ in self.points)) - edge
        top = math.floor(min(y for _, y in self.points)) - edge
        width = math.ceil(max(x for x, _ in self.points)) + edge - left
        height = math.ceil(max(y for _, y in self.points)) + edge - top
        factor = paper.scale * FINE
        mask = Image.new("L", (width * factor, height * factor), 0)
        pen = ImageDraw.Draw(mask)
        for part in self._parts():
            places = [((x - left) * factor, (y - top) * factor) for x, y in part]
            pen.line(places, fill=255, width=round(self.width * factor), joint="curve")
        smooth = mask.resize((width * paper.scale, height * paper.scale), Image.Resampling.BOX)
        paper.stamp(left + width / 2, top + height / 2, smooth, self.colour)

    def svg(self) -> Element:
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in self.points)
        look: dict[str, float | str] = {
            "fill": "none",
            "stroke": self.colour,
            "stroke-width": self.width,
        }
        if self.dash:
            look["stroke-dasharray"] = self.dash
        return element("polygon", {"points": points, **look})

    def _parts(self) -> Iterator[Points]:
        """Yields the lines that are painted: the whole of it, or its dashes."""
        closed = [*self.points, *self.points[:2]]  # the second again: the first gets its joint
        if not self.dash:
            yield closed
            return
        done, dash = 0.0, [closed[0]]
        for start, end in pairwise(closed[:-1]):
            length = math.dist(start, end)
            # Where the pen is put down or lifted between two points.
            first, last = (math.floor(way / self.dash) for way in (done, done + length))
            for turn in range(first + 1, last + 1):
                share = (turn * self.dash - done) / length
                place = tuple(a + share * (b - a) for a, b in zip(start, end, strict=True))
                dash.append((place[0], place[1]))
                if turn % 2:
                    yield dash
                dash = [dash[-1]]
            dash.append(end)
            done += length
        if math.floor(done / self.dash) % 2 == 0:
            yield dash


def ellipse(
    centre: tuple[float, float], half_axes: Sequence[Sequence[float]], *, points: int = 90
) -> Points:
    """Returns points of an ellipse: the centre plus M (cos t, sin t), for the 2 x 2 matrix M."""
    angles = [2 * math.pi * k / points for k in range(points)]
    circle = [(math.cos(angle), math.sin(angle)) for angle in angles]
    (a, b), (c, d) = half_axes
    x, y = centre
    return [(x + a * u + b * v, y + c * u + d * v) for u, v in circle]
