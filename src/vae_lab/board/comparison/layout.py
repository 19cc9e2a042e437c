"""Pictures of several runs in one: rows with names at their side, or pictures side by side.

Lengths are in pixels. TensorBoard shows a picture some 500 pixels wide, so letters grow with the
picture: they are legible in the card, and large when the picture is enlarged.
"""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

PAPER, INK, QUIET = "#ffffff", "#262626", "#6a6a6a"

GAP = 12

# Of strips: the height of the letters, characters of a name in a line, and how wide images become.
LETTERS, CHARACTERS, STRIP = 26, 20, 800

# Of pictures side by side: how wide each is at least, and how many letters are as high as it.
TILE, LETTERS_PER_TILE = 480, 19


class Entry(NamedTuple):
    """What one run adds: its picture, with the name and a note that stand beside it."""

    name: str
    note: str
    colour: str  # of the run; empty: it has none
    image: Image.Image


def in_rows(blocks: Sequence[tuple[str, Sequence[Entry]]], footer: str) -> Image.Image:
    """Returns strips below one another, a title above each block of them, names at the left."""
    entries = [entry for _, rows in blocks for entry in rows]
    factor = max(1, round(STRIP / max(entry.image.width for entry in entries)))
    names = max(math.ceil(_name_width(entry)) for entry in entries) + 2 * GAP
    heights = [
        (title, [max(factor * row.image.height, _name_height(row)) for row in rows])
        for title, rows in blocks
    ]
    line = round(1.5 * LETTERS)
    total = sum(bool(title) * line + sum(rows) + GAP * (len(rows) + 1) for title, rows in heights)
    width = names + factor * max(entry.image.width for entry in entries) + GAP
    picture = Image.new("RGB", (width, total + line), PAPER)
    pen, top = ImageDraw.Draw(picture), GAP
    for (title, rows), (_, of_rows) in zip(blocks, heights, strict=True):
        if title:
            pen.text((names, top), title, INK, _font(LETTERS))
            top += line
        for row, height in zip(rows, of_rows, strict=True):
            _write_name(pen, row, top + height / 2)
            image = row.image.resize((factor * row.image.width, factor * row.image.height), 0)
            picture.paste(image, (names, top + (height - image.height) // 2))
            top += height + GAP
        top += GAP
    pen.text((GAP, top - GAP), footer, QUIET, _font(round(0.8 * LETTERS)))
    return picture


def side_by_side(entries: Sequence[Entry], footer: str) -> Image.Image:
    """Returns pictures in a grid, equally wide, the name of each above it."""
    columns = math.ceil(math.sqrt(len(entries)))
    letters = round(TILE * columns / LETTERS_PER_TILE / 2)
    line = round(1.5 * letters)
    images = [
        entry.image.resize(
            (TILE, round(TILE * entry.image.height / entry.image.width)), Image.Resampling.LANCZOS
        )
        for entry in (entry._replace(image=entry.image.convert("RGB")) for entry in entries)
    ]
    starts = range(0, len(entries), columns)
    heights = [max(image.height for image in images[k : k + columns]) for k in starts]
    size = (
        columns * (TILE + GAP) + GAP,
        sum(height + line + GAP for height in heights) + line + GAP,
    )
    picture = Image.new("RGB", size, PAPER)
    pen, top = ImageDraw.Draw(picture), GAP
    for start, height in zip(starts, heights, strict=True):
        for column in range(min(columns, len(entries) - start)):
            left = GAP + column * (TILE + GAP)
            _write_title(pen, entries[start + column], left, top, letters)
            picture.paste(images[start + column], (left, top + line))
        top += line + height + GAP
    pen.text((GAP, top), footer, QUIET, _font(round(0.8 * letters)))
    return picture


def _lines(entry: Entry) -> list[tuple[str, str, int]]:
    """Returns the lines that stand beside a strip: text, colour and height of the letters."""
    names = [(line, INK, LETTERS) for line in wrap(entry.name, CHARACTERS)]
    return names + [(entry.note, QUIET, round(0.8 * LETTERS))] * bool(entry.note)


def _name_width(entry: Entry) -> float:
    return LETTERS + max(_font(size).getlength(text) for text, _, size in _lines(entry))


def _name_height(entry: Entry) -> int:
    return round(sum(1.25 * size for _, _, size in _lines(entry)))


def _write_name(pen: ImageDraw.ImageDraw, entry: Entry, middle: float) -> None:
    """Writes the name of a run, with its note below, around a height."""
    top = middle - _name_height(entry) / 2
    _mark(pen, entry.colour, GAP, top, LETTERS)
    for text, colour, size in _lines(entry):
        pen.text((GAP + LETTERS, top), text, colour, _font(size))
        top += 1.25 * size


def _write_title(
    pen: ImageDraw.ImageDraw, entry: Entry, left: float, top: float, letters: int
) -> None:
    """Writes the name and the note of a run in one line, as far as it has room."""
    _mark(pen, entry.colour, left, top, letters)
    font, start = _font(letters), left + letters
    room = TILE - letters
    name = entry.name
    while len(name) > 1 and font.getlength(name) > room:
        name = name[:-2] + "…"
    pen.text((start, top), name, INK, font)
    small, used = _font(round(0.8 * letters)), font.getlength(f"{name}  ")
    if used + small.getlength(entry.note) <= room:
        pen.text((start + used, top + 0.15 * letters), entry.note, QUIET, small)


def _mark(pen: ImageDraw.ImageDraw, colour: str, left: float, top: float, letters: int) -> None:
    """Puts a disc of a run's colour before its name."""
    if colour:
        edge = 0.3 * letters
        pen.ellipse((left, top + edge, left + 0.7 * letters, top + edge + 0.7 * letters), colour)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # Matplotlib's, which has the letters of most languages; Pillow's own has ASCII only.
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
