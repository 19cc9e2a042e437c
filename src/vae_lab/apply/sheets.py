"""Sheets: the pictures of a command side by side, with their names.

Shapes: S images of a tile, C, H, W of an image.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import FAINT, INK, MARGIN, QUIET, Canvas, line_height
from vae_lab.callbacks.drawing.grids import grid, to_uint8
from vae_lab.callbacks.drawing.letters import TEXT, TITLE, in_letters, shortened, wrapped
from vae_lab.callbacks.drawing.pixels import to_png
from vae_lab.callbacks.drawing.style import BAND, SHADE

# Units: how wide a sheet may get, and an image at least.
_WIDEST, _IMAGE = 1150, 84

# Tiles of a sheet: more would be a picture that no program opens gladly.
MOST_TILES = 200

_SCALE = 2  # pixels per unit


class Tile(NamedTuple):
    """Images (S, C, H, W) in [0, 1] side by side, with a band behind the first `given` ones.

    `lines` are written below; the first is the name.
    """

    images: Tensor
    lines: tuple[str, ...] = ()
    given: int = 0


def write_sheet(path: Path, tiles: Sequence[Tile], title: str) -> None:
    """Writes a PNG file of tiles in rows, as many in a row as there is room for."""
    shown = tiles[:MOST_TILES]
    if len(tiles) > len(shown):
        title = f"{title} The first {len(shown)} of {len(tiles)}."
    to_png(_layout(shown, title).image(_SCALE), path)


def _layout(tiles: Sequence[Tile], title: str) -> Canvas:
    pictures = [_picture(tile) for tile in tiles]
    channels, _, image_width = tiles[0].images.shape[1:]
    zoom = max(1, -(-_IMAGE // image_width))
    width, height = (zoom * max(each.shape[k] for each in pictures) for k in (2, 1))
    columns = max(1, min(len(tiles), (_WIDEST - MARGIN) // (width + MARGIN)))
    below = max(len(tile.lines) for tile in tiles) * line_height(TEXT)
    lines = wrapped(title, size=TITLE, width=_sheet_width(columns, width) - 2 * MARGIN)
    top = MARGIN + len(lines) * line_height(TITLE) + MARGIN // 2
    rows = -(-len(tiles) // columns)
    canvas = Canvas(
        width=_sheet_width(columns, width),
        height=top + rows * (height + below + MARGIN),
        coloured=channels == 3,
    )
    for k, line in enumerate(lines):
        canvas.text(MARGIN, MARGIN + k * line_height(TITLE), line, size=TITLE, anchor="lt")
    for k, (tile, picture) in enumerate(zip(tiles, pictures, strict=True)):
        row, column = divmod(k, columns)
        left, y = MARGIN + column * (width + MARGIN), top + row * (height + below + MARGIN)
        right, bottom = (zoom * picture.shape[k] for k in (2, 1))
        # A line around it, or a white picture would not be seen on white paper.
        canvas.box(left - 1, y - 1, left + right + 1, y + bottom + 1, FAINT)
        canvas.picture(left, y, to_uint8(picture), zoom=zoom)
        _write_below(canvas, tile, left, y + height + 3, width)
    return canvas


def _sheet_width(columns: int, width: int) -> int:
    # A title needs room, however few tiles there are.
    return max(MARGIN + columns * (width + MARGIN), 320)


def _write_below(canvas: Canvas, tile: Tile, left: int, top: int, width: int) -> None:
    for k, text in enumerate(tile.lines):
        colour, place = QUIET if k else INK, top + k * line_height(TEXT)
        for line in shortened(in_letters(text), size=TEXT, width=width, lines=1):
            canvas.text(left, place, line, size=TEXT, anchor="lt", colour=colour)


def _picture(tile: Tile) -> Tensor:
    """Returns the images of a tile side by side, (C, H, W)."""
    parts = [part for part in (tile.images[: tile.given], tile.images[tile.given :]) if len(part)]
    pictures = [grid(part, columns=len(part)) for part in parts]
    if len(pictures) == 1:
        return pictures[0]
    # White, as the paper: what is given lies apart.
    band = torch.ones(*pictures[0].shape[:2], BAND)
    return torch.cat([pictures[0], band, pictures[1]], dim=2)


def with_checks(image: Tensor, missing: Tensor) -> Tensor:
    """Returns an image (C, H, W) with a chequerboard where pixels are missing, bool (H, W)."""
    height, width = missing.shape
    rows, columns = torch.arange(height)[:, None] // 2, torch.arange(width) // 2
    checks = SHADE + 0.3 * ((rows + columns) % 2)
    return torch.where(missing, checks, image)
