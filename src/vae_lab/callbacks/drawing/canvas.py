"""A canvas: text, lines, dots and pictures in one style, painted at any whole-number scale.

Lengths are in units, x to the right and y downwards. At scale s a unit is s pixels: a picture is
laid out once, and painted once for its card in TensorBoard (scale 1) and once, finer, for its file.
Nothing is resized.

Only Pillow paints it. matplotlib takes 0.7 s to import and 0.06 to 0.13 s for each chart, which
together is more than all pictures of a linear run may cost; this takes about 0.01 s per chart.
"""

import math
from typing import Any, get_args
from xml.etree import ElementTree

from PIL import Image
from torch import Tensor

from vae_lab.callbacks.drawing import letters, marks
from vae_lab.callbacks.drawing.curves import Curve, Points
from vae_lab.callbacks.drawing.letters import TEXT, TICK
from vae_lab.callbacks.drawing.marks import Anchor, Shape
from vae_lab.callbacks.drawing.style import PALETTE

PAPER, INK, QUIET, FAINT = "#ffffff", "#262626", "#6b6b6b", "#e4e4e4"

MARGIN = 10

FONTS = "Aileron, Helvetica, Arial, sans-serif"  # of SVG files; the first is that of the pixels

CARD = 300  # pixels: how wide TensorBoard shows a picture beside others

# A shape besides the colour, as many as there are colours.
SHAPES: tuple[Shape, ...] = get_args(Shape)


def style_of(group: int) -> tuple[str, Shape]:
    """Returns colour and shape of a group; past ten the colours return with other shapes."""
    turn, index = divmod(group, len(PALETTE))
    return PALETTE[index], SHAPES[(index + turn) % len(SHAPES)]


class Canvas:
    """White paper of width x height units, and what was drawn on it.

    Attributes:
        grid: left, top, right and bottom, both outside, of the images or the area between axes.
        zoom: how many units a pixel of the images is wide; 1 without images.
        facts: what else a reader of the file may want to know, as JSON holds it.
    """

    def __init__(self, *, width: int, height: int, coloured: bool) -> None:
        self.width, self.height, self.coloured = width, height, coloured
        self.grid = (0, 0, width, height)
        self.zoom = 1
        self.facts: dict[str, Any] = {}
        self.marks: list[marks.Mark | Curve] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int = TEXT,
        anchor: Anchor = "mm",
        colour: str = INK,
        halo: bool = False,
    ) -> None:
        """Writes a line of text; with a halo it stays readable on top of dots."""
        self.marks.append(marks.Text(x, y, text, size, anchor, colour, halo))

    def text_upwards(self, x: float, y: float, text: str, *, size: int = TEXT) -> None:
        """Writes a line of text that runs upwards, its middle at x, y."""
        self.marks.append(marks.UpwardText(x, y, text, size, INK))

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """Fills a rectangle; right and bottom are the first units outside. At least 1 pixel."""
        self.marks.append(marks.Box(left, top, right, bottom, colour))

    def dashes(self, left: float, right: float, y: float, colour: str) -> None:
        """Draws a dashed horizontal line, 1 unit thick."""
        for start in range(round(left), round(right), 6):
            self.box(start, y, min(start + 3, right), y + 1, colour)

    def circle(self, x: float, y: float, radius: float, colour: str, *, width: float = 1) -> None:
        """Draws a line around x, y."""
        self.marks.append(marks.Circle(x, y, radius, colour, width))

    def dot(self, x: float, y: float, *, group: int, radius: float, opacity: float = 1.0) -> None:
        """Puts the mark of a group around x, y."""
        self.marks.append(marks.Dot(x, y, radius, *style_of(group), opacity))

    def curve(self, points: Points, colour: str, *, width: float, dash: float = 0) -> None:
        """Draws a closed line through points, dashed if `dash` is above 0."""
        self.marks.append(Curve(points, colour, width, dash))

    def picture(self, left: int, top: int, picture: Tensor, *, zoom: int = 1) -> None:
        """Puts a picture (C, H, W) of bytes with its corner at left, top, and notes where it is."""
        self.marks.append(marks.Raster(left, top, picture, zoom))
        height, width = picture.shape[1:]
        self.grid = (left, top, left + zoom * width, top + zoom * height)
        self.zoom = zoom

    def caption(self, text: str) -> None:
        """Writes a quiet text below everything, in as many lines as it takes."""
        size = legible(self.width)
        lines = letters.wrapped(text, size=size, width=self.width - 2 * MARGIN)
        for line in lines:
            self.text(MARGIN, self.height, line, size=size, anchor="lt", colour=QUIET)
            self.height += line_height(size)
        self.height += MARGIN // 2

    def image(self, scale: int) -> Image.Image:
        """Returns what was drawn: in colour or grey, (scale * H) x (scale * W) pixels."""
        paper = marks.Paper(self.width, self.height, scale=scale, coloured=self.coloured)
        for mark in self.marks:
            mark.paint(paper)
        return paper.image

    @property
    def is_vector(self) -> bool:
        """Whether an SVG file shows more than pixels do: curves, or nothing made of pixels."""
        kinds = {type(mark) for mark in self.marks}
        return Curve in kinds or marks.Raster not in kinds

    def svg(self) -> str:
        """Returns what was drawn as an SVG file."""
        size = {"viewBox": f"0 0 {self.width} {self.height}", "font-family": FONTS}
        drawn = marks.element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size})
        paper = marks.Box(0, 0, self.width, self.height, PAPER)
        drawn.extend(mark.svg() for mark in (paper, *self.marks))
        ElementTree.indent(drawn, space="")
        return f"{ElementTree.tostring(drawn, encoding='unicode')}\n"


def legible(width: int) -> int:
    """Returns the size of text that can be read where a picture `width` units wide is a card."""
    return max(TICK, math.ceil(TICK * width / CARD))


def line_height(size: int) -> int:
    """Returns the units from one line of text to the next."""
    return math.ceil(1.3 * size)


def ticks(low: float, high: float, *, at_most: int) -> list[tuple[float, str]]:
    """Returns round numbers within [low, high], equally spaced, and how to write them.

    They are `at_most` so many, at least 2; high is above low.
    """
    for exponent in range(math.floor(math.log10((high - low) / at_most)), 300):
        for digit in (1, 2, 5):
            step = digit * 10.0**exponent
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            if last - first < at_most:
                decimals = max(0, -exponent)
                return [(k * step, f"{k * step:.{decimals}f}") for k in range(first, last + 1)]
    raise AssertionError("no step is large enough")
