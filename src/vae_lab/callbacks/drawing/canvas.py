"""A canvas for charts: text, lines, dots and pictures in one style, at any whole-number scale.

Lengths are in units, x to the right and y downwards. At scale s a unit is s pixels: a chart is
drawn once for its card in TensorBoard (scale 1) and once, finer, for its file. Nothing is resized.

Pillow alone draws it. matplotlib takes 0.7 s to import and 0.06 to 0.13 s for each chart, which
together is more than all pictures of a linear run may cost; this takes about 0.01 s a chart.
"""

import math
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont
from torch import Tensor

from vae_lab.callbacks.drawing.grids import from_array, to_array
from vae_lab.callbacks.drawing.style import PALETTE

PAPER, INK, QUIET, FAINT = "#ffffff", "#262626", "#7a7a7a", "#e4e4e4"

TITLE, TEXT, TICK = 13, 11, 10  # heights of fonts, in units

# A shape besides the colour: of two colours that are close, each has its own.
SHAPES = (
    *("disc", "triangle", "triangle", "triangle", "triangle"),
    *("disc", "triangle", "disc", "disc", "disc"),
)

Shape = Literal["disc", "triangle"]

_LONGEST = 14  # characters of a label's name

# Two letters for where text stands relative to its point, as in Pillow: l, m, r and t, m, b.
Anchor = Literal["lm", "mm", "rm", "mt", "mb", "lt"]


def style_of(group: int) -> tuple[str, Shape]:
    """Returns colour and shape of a group; past ten the colours return with the other shape."""
    turn, index = divmod(group, len(PALETTE))
    shapes: tuple[Shape, Shape] = ("disc", "triangle")
    return PALETTE[index], shapes[(shapes.index(SHAPES[index]) + turn) % 2]


class Canvas:
    """White paper of width x height units, drawn at a scale."""

    def __init__(self, *, width: int, height: int, scale: int, coloured: bool) -> None:
        self.scale = scale
        # Grey charts take a third of the time and of the space.
        mode = "RGB" if coloured else "L"
        self._image = Image.new(mode, (width * scale, height * scale), PAPER)
        self._pen = ImageDraw.Draw(self._image)

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
        self._pen.text(
            (x * self.scale, y * self.scale),
            text,
            font=_font(size * self.scale),
            # Pillow's t and b are those of the letters at hand: a and s are those of the font.
            anchor=anchor[0] + {"t": "a", "b": "d", "m": "m"}[anchor[1]],
            fill=colour,
            stroke_width=2 * self.scale if halo else 0,
            stroke_fill=PAPER if halo else None,
        )

    def text_upwards(self, x: float, y: float, text: str, *, size: int = TEXT) -> None:
        """Writes a line of text that runs upwards, its middle at x, y."""
        font = _font(size * self.scale)
        _, _, right, bottom = font.getbbox(text, anchor="la")
        mask = Image.new("L", (math.ceil(right), math.ceil(bottom + self.scale)), 0)
        ImageDraw.Draw(mask).text((0, 0), text, font=font, fill=255)
        mask = mask.rotate(90, expand=True)
        corner = round(x * self.scale - mask.width / 2), round(y * self.scale - mask.height / 2)
        self._image.paste(self._colour(INK), corner, mask)

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """Fills a rectangle; right and bottom are the first units outside. At least 1 pixel."""
        first_x, first_y, last_x, last_y = (
            round(v * self.scale) for v in (left, top, right, bottom)
        )
        ends = max(first_x, last_x - 1), max(first_y, last_y - 1)
        self._pen.rectangle(((first_x, first_y), ends), fill=colour)

    def dashes(self, left: float, right: float, y: float, colour: str) -> None:
        """Draws a dashed horizontal line, 1 unit thick."""
        for start in range(round(left), round(right), 6):
            self.box(start, y, min(start + 3, right), y + 1, colour)

    def dot(self, x: float, y: float, *, group: int, radius: float) -> None:
        """Puts the mark of a group around x, y."""
        colour, shape = style_of(group)
        mask = _mark(shape, round(radius * self.scale * 2))
        corner = tuple(round(at * self.scale - mask.width / 2) for at in (x, y))
        self._image.paste(self._colour(colour), (corner[0], corner[1]), mask)

    def picture(self, left: int, top: int, picture: Tensor) -> None:
        """Puts a picture (C, H, W) of bytes with its corner at left, top; each pixel is a unit."""
        pixels = picture.repeat_interleave(self.scale, 1).repeat_interleave(self.scale, 2)
        corner = left * self.scale, top * self.scale
        self._image.paste(Image.fromarray(to_array(pixels)), corner)

    def pixels(self) -> Tensor:
        """Returns what was drawn as bytes: (1, H, W), or (3, H, W) if coloured."""
        return from_array(np.array(self._image))

    def _colour(self, name: str) -> int | tuple[int, ...]:
        return ImageColor.getcolor(name, self._image.mode)


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


def wrapped(text: str, *, size: int, width: float) -> Sequence[str]:
    """Returns the text in lines no wider than `width` units."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _font(size).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def label_name(label: int, names: Sequence[str] | None) -> str:
    """Returns the name of a label as it is drawn: in letters of the font, short, and its own.

    It is the number of the label if there are no names.
    """
    return str(label) if names is None else _drawn_names(tuple(names))[label]


@cache
def _drawn_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns names in ASCII, shortened so that no two become one."""
    texts = [name.encode("ascii", "backslashreplace").decode() for name in names]
    # From the most legible: the beginning, both ends, the beginning and the number of the label.
    cuts = [f"{text[: _LONGEST - 2]}.." for text in texts]
    ends = [f"{text[: _LONGEST - 8]}..{text[-6:]}" for text in texts]
    numbered = [f"{text[: _LONGEST - 6]}..{number}" for number, text in enumerate(texts)]
    forms = [
        [
            text if len(text) <= _LONGEST else short
            for text, short in zip(texts, shorts, strict=True)
        ]
        for shorts in (cuts, ends)
    ]
    counts = [Counter(form) for form in forms]
    return tuple(
        next(
            (form[k] for form, count in zip(forms, counts, strict=True) if count[form[k]] == 1), own
        )
        for k, own in enumerate(numbered)
    )


def legend_width(names: Sequence[str]) -> int:
    """Returns how many units a legend of these names takes, with its marks and margins."""
    return 34 + math.ceil(max((_font(TEXT).getlength(name) for name in names), default=0))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # Part of Pillow (Aileron): the same letters on every machine. It has ASCII only.
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow without FreeType"
    return font


@cache
def _mark(shape: Shape, size: int) -> Image.Image:
    """Returns a smooth mask of a mark, size x size pixels; all marks cover about the same area."""
    fine = 8 * size
    mask = Image.new("L", (fine, fine), 0)
    pen = ImageDraw.Draw(mask)
    if shape == "disc":
        edge = 0.06 * fine
        pen.ellipse((edge, edge, fine - edge, fine - edge), fill=255)
    else:
        pen.polygon([(fine / 2, 0), (fine, 0.94 * fine), (0, 0.94 * fine)], fill=255)
    return mask.resize((size, size), Image.Resampling.BOX)
