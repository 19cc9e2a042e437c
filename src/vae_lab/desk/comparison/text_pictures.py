"""Images as text: half blocks in colour if the terminal has colours, else ASCII characters.

Shapes: an image is uint8, (H, W) or (H, W, 3). A character is about twice as high as wide, so it
holds two pixels above each other.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

# From black to white.
RAMP = " .:-=+*#%@"

# The foreground is the upper half of the character, the background the lower.
UPPER_HALF = "▀"

# The columns of the smallest image that can be recognised: of ASCII, which has fewer shades, more.
FEWEST, FEWEST_ASCII, MOST = 14, 20, 32

MOST_IMAGES = 10


def has_colours(console: Console) -> bool:
    """Tells whether a console shows colours and half blocks."""
    plain = console.no_color or console.legacy_windows or console.options.ascii_only
    return console.is_terminal and console.color_system is not None and not plain


def rows_of_images(strips: Sequence[Sequence[np.ndarray]], console: Console) -> list[list[Text]]:
    """Returns the lines of each strip: as many of its images as fit, all in one size."""
    in_colour = has_colours(console)
    images = [image for strip in strips for image in strip]
    if not images:
        return [[] for _ in strips]
    widest = max(image.shape[1] for image in images)
    fewest = FEWEST if in_colour else FEWEST_ASCII
    columns = min(max(fewest, widest // 2), MOST, console.width)
    count = min(MOST_IMAGES, max(map(len, strips)), max(1, (console.width + 1) // (columns + 1)))
    # What is left of the line makes them larger.
    columns = min((console.width + 1) // count - 1, max(widest, columns), MOST)
    return [_side_by_side(strip[:count], columns, in_colour) for strip in strips]


def _side_by_side(images: Sequence[np.ndarray], columns: int, in_colour: bool) -> list[Text]:
    drawn = [
        _half_blocks(image, columns) if in_colour else _characters(image, columns)
        for image in images
    ]
    return [Text(" ").join(line) for line in zip(*drawn, strict=True)]


def _half_blocks(image: np.ndarray, columns: int) -> list[Text]:
    pixels = np.asarray(_resized(image, columns, 2).convert("RGB"))
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        line = Text()
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            line.append(UPPER_HALF, Style(color=_colour(above), bgcolor=_colour(below)))
        lines.append(line)
    return lines


def _characters(image: np.ndarray, columns: int) -> list[Text]:
    grey = np.asarray(_resized(image, columns, 1).convert("L")).astype(int)
    return [Text("".join(RAMP[value * len(RAMP) // 256] for value in row)) for row in grey]


def _resized(image: np.ndarray, columns: int, per_line: int) -> Image.Image:
    """Returns an image with so many columns, and pixels for whole lines of characters."""
    height, width = image.shape[:2]
    lines = max(1, round(columns * height / width / 2))
    size = columns, lines * per_line
    return Image.fromarray(image).resize(size, Image.Resampling.BOX if columns >= width else None)


def _colour(rgb: Sequence[int]) -> Color:
    red, green, blue = rgb
    return Color.from_rgb(red, green, blue)
