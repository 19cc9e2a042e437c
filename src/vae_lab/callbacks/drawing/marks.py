"""What a canvas holds: texts, boxes, dots and pictures, each of which can paint itself.

Lengths are in units, x to the right and y downwards. Shapes: C channels, H and W pixels.
"""

import math
from functools import cache
from typing import Literal, NamedTuple

from PIL import Image, ImageColor, ImageDraw
from torch import Tensor

from vae_lab.callbacks.drawing import letters
from vae_lab.callbacks.drawing.pixels import enlarged, to_array

# Two letters for where text stands relative to its point, as in Pillow: l, m, r and t, m, b.
Anchor = Literal["lm", "mm", "rm", "lt", "mt", "rt", "lb", "mb", "rb"]

Shape = Literal["disc", "triangle"]

# Corners in a square of side 1. All shapes cover about the same area; a disc has no corners.
CORNERS: dict[Shape, tuple[tuple[float, float], ...]] = {
    "triangle": ((0.5, 0), (1, 0.94), (0, 0.94)),
}
DISC_EDGE = 0.06  # between a disc and its square


class Paper:
    """White pixels to paint on, `scale` of them per unit."""

    def __init__(self, width: int, height: int, *, scale: int, coloured: bool) -> None:
        self.scale = scale
        # Grey pictures take a third of the time and of the space.
        self.image = Image.new("RGB" if coloured else "L", (width * scale, height * scale), "white")
        self.pen = ImageDraw.Draw(self.image)

    def colour(self, name: str) -> int | tuple[int, ...]:
        """Returns a colour as the image has it."""
        return ImageColor.getcolor(name, self.image.mode)

    def stamp(self, x: float, y: float, mask: Image.Image, colour: str) -> None:
        """Puts a colour through a mask whose middle is at x, y."""
        left = round(x * self.scale - mask.width / 2)
        top = round(y * self.scale - mask.height / 2)
        self.image.paste(self.colour(colour), (left, top), mask)


class Text(NamedTuple):
    """A line of text; with a halo it stays readable on top of dots."""

    x: float
    y: float
    text: str
    size: int
    anchor: Anchor
    colour: str
    halo: bool = False

    def paint(self, paper: Paper) -> None:
        scale = paper.scale
        paper.pen.text(
            (self.x * scale, self.y * scale),
            self.text,
            font=letters.font(self.size * scale),
            # Pillow's t and b are those of the letters at hand: a and d are those of the font.
            anchor=self.anchor[0] + {"t": "a", "b": "d", "m": "m"}[self.anchor[1]],
            fill=self.colour,
            stroke_width=2 * scale if self.halo else 0,
            stroke_fill="white" if self.halo else None,
        )


class UpwardText(NamedTuple):
    """A line of text that runs upwards, its middle at x, y."""

    x: float
    y: float
    text: str
    size: int
    colour: str

    def paint(self, paper: Paper) -> None:
        font = letters.font(self.size * paper.scale)
        _, _, right, bottom = font.getbbox(self.text, anchor="la")
        mask = Image.new("L", (math.ceil(right), math.ceil(bottom + paper.scale)), 0)
        ImageDraw.Draw(mask).text((0, 0), self.text, font=font, fill=255)
        paper.stamp(self.x, self.y, mask.rotate(90, expand=True), self.colour)


class Box(NamedTuple):
    """A filled rectangle; right and bottom are the first units outside. At least 1 pixel."""

    left: float
    top: float
    right: float
    bottom: float
    colour: str

    def paint(self, paper: Paper) -> None:
        first_x, first_y, last_x, last_y = (round(v * paper.scale) for v in self[:4])
        ends = max(first_x, last_x - 1), max(first_y, last_y - 1)
        paper.pen.rectangle(((first_x, first_y), ends), fill=self.colour)


class Circle(NamedTuple):
    """A line around x, y."""

    x: float
    y: float
    radius: float
    colour: str
    width: float

    def paint(self, paper: Paper) -> None:
        x, y, radius = self.x * paper.scale, self.y * paper.scale, self.radius * paper.scale
        edges = (x - radius, y - radius, x + radius, y + radius)
        paper.pen.ellipse(edges, outline=self.colour, width=round(self.width * paper.scale))


class Dot(NamedTuple):
    """A small mark around x, y, opaque at opacity 1."""

    x: float
    y: float
    radius: float
    colour: str
    shape: Shape
    opacity: float

    def paint(self, paper: Paper) -> None:
        mask = _mask(self.shape, round(self.radius * paper.scale * 2), self.opacity)
        paper.stamp(self.x, self.y, mask, self.colour)


class Raster(NamedTuple):
    """Bytes (C, H, W) with their corner at left, top; each pixel is zoom x zoom units."""

    left: int
    top: int
    picture: Tensor
    zoom: int

    def paint(self, paper: Paper) -> None:
        pixels = enlarged(self.picture, self.zoom * paper.scale)
        corner = self.left * paper.scale, self.top * paper.scale
        paper.image.paste(Image.fromarray(to_array(pixels)), corner)


Mark = Text | UpwardText | Box | Circle | Dot | Raster


@cache
def _mask(shape: Shape, size: int, opacity: float) -> Image.Image:
    """Returns a smooth mask of a mark, size x size pixels."""
    fine = 8 * size
    mask = Image.new("L", (fine, fine), 0)
    pen, fill = ImageDraw.Draw(mask), round(255 * opacity)
    if shape in CORNERS:
        pen.polygon([(fine * x, fine * y) for x, y in CORNERS[shape]], fill=fill)
    else:
        edge = DISC_EDGE * fine
        pen.ellipse((edge, edge, fine - edge, fine - edge), fill=fill)
    return mask.resize((size, size), Image.Resampling.BOX)
