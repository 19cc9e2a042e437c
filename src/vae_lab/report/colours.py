"""What the colours of a report mean: a hue, a shade and a mark for the values of a setting.

The first key that varies has the hue, the second the shade and the dash: weak shades are dashed.
The marker stands for all keys but the first. A single key of numbers, such as beta, has a ramp in
place of hues: larger values are stronger, in hue and in contrast.

A style follows only from the values, so a value looks the same in every report, whatever the
order of the runs. There are two exceptions, because a palette is finite:

- Each text has a place in the palette of its own. If two texts of a report share a place, the later
  one in the alphabet takes the next free place.
- The shades of numbers run from 1/4 to 64 by their logarithm. If a key has values outside that,
  such as learning rates, its shades run over the values of the report.
"""

import math
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.colors import LinearSegmentedColormap, to_hex

from vae_lab.reading import is_kind
from vae_lab.report.grouping import Group

PAPER, DARK_PAPER = "#fdfdfb", "#15171a"

# Ends of the shades, weak to strong, on the light page and on the dark one. Hues of OKLCH, 50
# degrees apart; each lightness between the ends has a contrast of at least 3 to the page.
HUES = {
    "blue": (("#468de5", "#003670"), ("#337bd0", "#c9e0fe")),
    "teal": (("#079fa9", "#004045"), ("#008b94", "#79f4ff")),
    "orange": (("#d26c28", "#5b2600"), ("#be5a0a", "#fed4bd")),
    "green": (("#36a558", "#00451b"), ("#1b9247", "#90faa8")),
    "purple": (("#a371d3", "#491e6c"), ("#915fc0", "#e8d4fe")),
    "gold": (("#a58a0b", "#433700"), ("#907908", "#fddc5b")),
    "pink": (("#d06091", "#660a3b"), ("#bb4e7f", "#fecfe0")),
}

# From small to large, on both pages.
RAMP = (
    ("#099eab", "#0a87bb", "#4369c5", "#6849ab", "#792c7f", "#7c0d49", "#6e000c"),
    ("#8962c5", "#b765b8", "#dd6da0", "#f77d80", "#ff9a67", "#feb853", "#efd956"),
)

# The shade of a text, by its place; that of a setting without a second key is the first.
SHADES = (0.5, 0.15, 0.85)

# Numbers between them have their shade by themselves.
SMALLEST, LARGEST = 1 / 4, 64

MARKERS = "osD^vP"  # by place

SOLID, DASHED = "-", "--"


class Style(NamedTuple):
    """How a setting is drawn, in terms of matplotlib."""

    colour: str  # on a light page
    on_dark: str
    marker: str
    dash: str
    hue: str  # its name

    @property
    def on_both(self) -> tuple[str, str]:
        """Returns its colours on a light page and on a dark one."""
        return self.colour, self.on_dark


def styles(group: Group) -> dict[int, Style]:
    """Returns the style of each setting of a group, by the setting's `id`."""
    rows = [list(setting.values.values()) for setting in group.settings]
    rests = [row[1:] for row in rows]
    hues = _places([row[:1] for row in rows], len(HUES))
    marks = _places(rests if len(group.keys) > 1 else rows, len(MARKERS))
    is_ramp = len(group.keys) == 1 and all(_is_number(value) for (value,) in rows)
    ramp = _shades([row[0] for row in rows]) if is_ramp else []
    shades = (
        _shades([rest[0] for rest in rests]) if len(group.keys) > 1 else [SHADES[0]] * len(rows)
    )
    names = list(HUES)
    found: dict[int, Style] = {}
    for k, setting in enumerate(group.settings):
        hue = names[hues[k]]
        ends, where = (RAMP, ramp[k]) if is_ramp else (HUES[hue], shades[k])
        light, dark = (_between(anchors, where) for anchors in ends)
        dash = DASHED if not is_ramp and where < SHADES[0] else SOLID
        name = "ramp" if is_ramp else hue
        found[id(setting)] = Style(light, dark, MARKERS[marks[k]], dash, name)
    return found


def _places(values: Sequence[Sequence[Any]], count: int) -> list[int]:
    """Returns the place of each value, of `count`: its own, or the next that is free."""
    texts = [", ".join(map(_text, value)) for value in values]
    places: dict[str, int] = {}
    for text in sorted(set(texts)):
        own = zlib.crc32(text.encode()) % count
        candidates = [(own + step) % count for step in range(count)]
        places[text] = next((it for it in candidates if it not in places.values()), own)
    return [places[text] for text in texts]


def _shades(values: Sequence[Any]) -> list[float]:
    """Returns how strong each value of a key is drawn, in [0, 1]."""
    if not all(map(_is_number, values)):
        places = _places([[value] for value in values], len(SHADES))
        return [SHADES[place] for place in places]
    low, high = min(values), max(values)
    if low >= SMALLEST and high <= LARGEST:
        low, high = SMALLEST, LARGEST
    scale = math.log if low > 0 else float
    room = scale(high) - scale(low) or 1.0
    return [(scale(value) - scale(low)) / room for value in values]


def _is_number(value: Any) -> bool:
    return is_kind(value, float) and math.isfinite(value)


def _text(value: Any) -> str:
    return f"{value:g}" if _is_number(value) else str(value)


def _between(anchors: Sequence[str], where: float) -> str:
    """Returns the colour at a place in [0, 1] of a row of colours."""
    return to_hex(LinearSegmentedColormap.from_list("", anchors, N=1024)(where))
