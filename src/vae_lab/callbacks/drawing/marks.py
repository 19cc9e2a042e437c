"""What a canvas holds: texts, boxes, dots and pictures.

Each can paint itself on pixels, and write itself as an element of an SVG file.

Lengths are in units, x to the right and y downwards. Shapes: C channels, H and W pixels.
"""

import base64
import io
import math
from collections.abc import Mapping
from functools import cache
from typing import Literal, NamedTuple
from xml.etree.ElementTree import Element

from PIL import Image, ImageColor, ImageDraw
from torch import Tensor

from vae_lab.callbacks.drawing import letters
from vae_lab.callbacks.drawing.pixels import enlarged, to_image

# Two letters for where text stands relative to its point, as in Pillow: l, m, r and t, m, b.
Anchor = Literal["lm", "mm", "rm", "lt", "mt", "rt", "lb", "mb", "rb"]

Corners = tuple[tuple[float, float], ...]


def _turned(corners: Corners, *, first: float, turns: int) -> Corners:
    """Returns some corners turned around the middle of a square of side 1, so many times."""
    angles = [2 * math.pi * (first + turn / turns) for turn in range(turns)]
    return tuple(
        (
            0.5 + (x - 0.5) * math.cos(angle) - (y - 0.5) * math.sin(angle),
            0.5 + (x - 0.5) * math.sin(angle) + (y - 0.5) * math.cos(angle),
        )
        for angle in angles
        for x, y in corners
    )


Shape = Literal[
    "disc", "triangle", "square", "cross", "diamond", "hourglass", "plus", "wedge", "bar", "star"
]

# Corners in a square of side 1. All shapes cover about the same area; a disc has no corners.
_PLUS = ((0.32, 0.32), (0.32, 0), (0.68, 0))  # a quarter of it, from which the others are turned
CORNERS: dict[Shape, Corners] = {
    "triangle": ((0.5, 0), (1, 0.94), (0, 0.94)),
    "square": ((0.12, 0.12), (0.88, 0.12), (0.88, 0.88), (0.12, 0.88)),
    "cross": _turned(_PLUS, first=0.125, turns=4),
    "diamond": ((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)),
    "hourglass": ((0, 0), (1, 0), (0, 1), (1, 1)),
    "wedge": ((0, 0.06), (1, 0.06), (0.5, 1)),
    "plus": _turned(_PLUS, first=0, turns=4),
    "bar": ((0.25, 0), (0.75, 0), (0.75, 1), (0.25, 1)),
    "star": _turned(((0.5, -0.05), (0.66, 0.28)), first=0, turns=5),
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


def element(tag: str, attributes: Mapping[str, float | str], text: str | None = None) -> Element:
    """Returns an element of an SVG file; numbers are written to a hundredth of a unit."""
    written = {
        name: value if isinstance(value, str) else _number(value)
        for name, value in attributes.items()
    }
    made = Element(tag, written)
    made.text = text
    return made


def _number(value: float) -> str:
    """Returns a number to a hundredth, as short as it can be written."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


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
            # Pillow's t and b are those of these letters: a and d are those of the font.
            anchor=self.anchor[0] + {"t": "a", "b": "d", "m": "m"}[self.anchor[1]],
            fill=self.colour,
            stroke_width=2 * scale if self.halo else 0,
            stroke_fill="white" if self.halo else None,
        )

    def svg(self) -> Element:
        ascent, descent = letters.font(self.size).getmetrics()
        below = {"t": ascent, "m": (ascent - descent) / 2, "b": -descent}[self.anchor[1]]
        look: dict[str, float | str] = {
            "x": self.x,
            "y": self.y + below,
            "text-anchor": {"l": "start", "m": "middle", "r": "end"}[self.anchor[0]],
            "fill": self.colour,
        }
        if self.halo:
            # The stroke is painted first, so that it does not make the letters thinner.
            look |= {"stroke": "white", "stroke-width": 4, "paint-order": "stroke"}
        return _svg_text(self.text, self.size, look)


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

    def svg(self) -> Element:
        ascent, descent = letters.font(self.size).getmetrics()
        x, y = _number(self.x + (ascent - descent) / 2), _number(self.y)
        turned = f"translate({x} {y}) rotate(-90)"
        look = {"transform": turned, "text-anchor": "middle", "fill": self.colour}
        return _svg_text(self.text, self.size, look)


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

    def svg(self) -> Element:
        edges = {"x": self.left, "y": self.top}
        size = {"width": self.right - self.left, "height": self.bottom - self.top}
        return element("rect", {**edges, **size, "fill": self.colour})


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

    def svg(self) -> Element:
        # Pillow draws the line inside of the radius, SVG on both sides of it.
        place = {"cx": self.x, "cy": self.y, "r": self.radius - self.width / 2}
        line: dict[str, float | str] = {
            "fill": "none",
            "stroke": self.colour,
            "stroke-width": self.width,
        }
        return element("circle", {**place, **line})


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

    def svg(self) -> Element:
        look: dict[str, float | str] = {"fill": self.colour}
        if self.opacity < 1:
            look["fill-opacity"] = self.opacity
        if self.shape not in CORNERS:
            radius = self.radius * (1 - 2 * DISC_EDGE)
            return element("circle", {"cx": self.x, "cy": self.y, "r": radius, **look})
        corners = [
            (self.x + self.radius * (2 * x - 1), self.y + self.radius * (2 * y - 1))
            for x, y in CORNERS[self.shape]
        ]
        points = " ".join(f"{_number(x)},{_number(y)}" for x, y in corners)
        return element("polygon", {"points": points, **look})


class Raster(NamedTuple):
    """Bytes (C, H, W) with their corner at left, top; each pixel is zoom x zoom units."""

    left: int
    top: int
    picture: Tensor
    zoom: int

    def paint(self, paper: Paper) -> None:
        pixels = enlarged(self.picture, self.zoom * paper.scale)
        corner = self.left * paper.scale, self.top * paper.scale
        paper.image.paste(to_image(pixels), corner)

    def svg(self) -> Element:
        _, height, width = self.picture.shape
        file = io.BytesIO()
        to_image(self.picture).save(file, format="PNG")
        data = base64.b64encode(file.getvalue()).decode("ascii")
        place: dict[str, float | str] = {"x": self.left, "y": self.top}
        size = {"width": width * self.zoom, "height": height * self.zoom}
        look = {"style": "image-rendering: pixelated", "href": f"data:image/png;base64,{data}"}
        return element("image", {**place, **size, **look})


Mark = Text | UpwardText | Box | Circle | Dot | Raster


def _svg_text(text: str, size: int, look: Mapping[str, float | str]) -> Element:
    """Returns a line of text that is as wide in any font as in the one it was laid out in."""
    width = letters.length(text.strip(), size=size)  # blanks at the ends have no width in SVG
    fit: dict[str, float | str] = {"font-size": size, "textLength": width}
    return element("text", {**fit, "lengthAdjust": "spacingAndGlyphs", **look}, text)


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
