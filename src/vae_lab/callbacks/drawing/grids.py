"""Pictures from tensors: grids, originals above reconstructions, paths, the latent plane.

Shapes: N images, C channels, H and W pixels, P pairs, S steps. A picture is a float tensor
(C, H, W) with values in [0, 1]. No function rescales values: 0 is black and 1 is white in every
picture of every run, so pictures can be compared. One pixel of an image is one pixel of its
picture; only a canvas enlarges, by a whole factor, so that no cell is blurred or uneven.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import MARGIN, Canvas, legible, line_height
from vae_lab.callbacks.drawing.letters import length, shortened, wrapped
from vae_lab.callbacks.drawing.style import BAND, LINE, SHADE

SIDE = 280  # units that a grid of small images is enlarged to, if it does not get too high

HIGHEST = 400

NARROWEST = 200  # units that captions need

Tick = tuple[float, str]


class Drawing(Protocol):
    """What a picture draws: something that can be laid out on a canvas."""

    def layout(self) -> Canvas:
        """Returns a canvas with all of it."""


class ImageGrid(NamedTuple):
    """A drawing of images whose pixels it keeps, with the names of its rows and columns."""

    picture: Tensor  # (C, H, W) in [0, 1]
    title: str = ""
    ends: str = ""  # the name of the first and the last column, which the title stands between
    above: Sequence[Tick] = ()  # texts above columns, the important ones first, at pixels across
    beside: Sequence[Tick] = ()  # texts at the right of rows, at pixels downwards
    headings: Sequence[Tick] = ()  # names of columns, all of them: upwards if they are wide
    facts: Mapping[str, Any] = MappingProxyType({})  # for readers of the file; see `Canvas`

    def layout(self) -> Canvas:
        channels, height, width = self.picture.shape
        zoom = enlargement(height, width)
        room = round(0.25 * zoom * width) if self.beside else 0
        reach = max(zoom * width, NARROWEST)
        size = legible(reach + room + 2 * MARGIN)
        around = 2 * (length(self.ends, size=size) + MARGIN) if self.ends else 0
        lines = wrapped(self.title, size=size, width=reach - around) or [""] * bool(self.ends)
        high = self._heading_height(size, zoom)
        top = MARGIN // 2 + line_height(size) * (len(lines) + bool(self.above)) + high + 2
        canvas = Canvas(
            width=reach + room + 2 * MARGIN,
            height=top + zoom * height + MARGIN // 2,
            coloured=channels == 3,
        )
        self._name_picture(canvas, lines, size, reach)
        canvas.picture(MARGIN, top, to_uint8(self.picture), zoom=zoom)
        canvas.facts.update(self.facts)
        self._name_columns(canvas, size)
        self._head_columns(canvas, size, high)
        self._name_rows(canvas, size, room)
        return canvas

    def _name_picture(self, canvas: Canvas, lines: list[str], size: int, reach: int) -> None:
        """Writes the title at the left, or between the names of the first and last column."""
        y, middle = MARGIN // 2, MARGIN + reach / 2
        if self.ends:
            canvas.text(MARGIN, y, self.ends, size=size, anchor="lt")
            canvas.text(MARGIN + reach, y, self.ends, size=size, anchor="rt")
        for line in lines:
            if self.ends:
                canvas.text(middle, y, line, size=size, anchor="mt")
            else:
                canvas.text(MARGIN, y, line, size=size, anchor="lt")
            y += line_height(size)

    def _name_columns(self, canvas: Canvas, size: int) -> None:
        """Writes the texts above columns, and leaves out those that would touch earlier ones."""
        left, top, _, _ = canvas.grid
        taken: list[tuple[float, float]] = []
        for x, text in self.above:
            middle, half = left + x * canvas.zoom, length(text, size=size) / 2
            start, end = middle - half - 1, middle + half + 1
            if all(end <= other_start or other_end <= start for other_start, other_end in taken):
                taken.append((start, end))
                canvas.text(middle, top - 2, text, size=size, anchor="mb")

    def _heading_height(self, size: int, zoom: int) -> int:
        """Returns the units above columns for their headings: a line, or the longest of them."""
        if not self.headings:
            return 0
        places = [x for x, _ in self.headings]
        pitch = zoom * min((b - a for a, b in pairwise(places)), default=self.picture.shape[2])
        longest = max(length(name, size=size) for _, name in self.headings)
        return line_height(size) if longest + 2 <= pitch else math.ceil(longest) + 4

    def _head_columns(self, canvas: Canvas, size: int, high: int) -> None:
        left, top, _, _ = canvas.grid
        for x, name in self.headings:
            middle = left + x * canvas.zoom
            if high == line_height(size):
                canvas.text(middle, top - 2, name, size=size, anchor="mb")
            else:
                canvas.text_upwards(middle, top - 3 - length(name, size=size) / 2, name, size=size)

    def _name_rows(self, canvas: Canvas, size: int, room: int) -> None:
        """Writes the texts at the right of rows, in as many lines as a row has room for."""
        _, top, right, bottom = canvas.grid
        most = (bottom - top) // max(1, len(self.beside)) // line_height(size)
        for y, text in self.beside:
            lines = shortened(text, size=size, width=room - MARGIN // 2, lines=most)
            first = top + y * canvas.zoom - (len(lines) - 1) * line_height(size) / 2
            for k, line in enumerate(lines):
                place = first + k * line_height(size)
                canvas.text(right + MARGIN // 2, place, line, size=size, anchor="lm")


def enlargement(height: int, width: int) -> int:
    """Returns how many units wide a pixel of a picture is drawn: a small one is enlarged."""
    return max(1, min(-(-SIDE // width), HIGHEST // height))


def grid(images: Tensor, *, columns: int) -> Tensor:
    """Lays images (N, C, H, W) out in rows, left to right, with a thin line between cells.

    Returns the picture (C, R * (H + LINE) - LINE, K * (W + LINE) - LINE), of K = min(columns, N)
    columns and R = ceil(N / K) rows. Cells left over in the last row are grey, which no image is.
    """
    count, channels, height, width = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    cells = images.new_full((rows * columns, channels, height + LINE, width + LINE), SHADE)
    cells[:count, :, :height, :width] = images
    cells = cells.view(rows, columns, *cells.shape[1:]).permute(2, 0, 3, 1, 4)
    picture = cells.reshape(channels, rows * (height + LINE), columns * (width + LINE))
    return picture[:, :-LINE, :-LINE]


def above(originals: Tensor, reconstructions: Tensor, *, columns: int) -> Tensor:
    """Returns the picture of originals directly above their reconstructions, both (N, C, H, W).

    A double row has `columns` pairs and is 2 * H + LINE high; BAND lies between two of them.
    """
    columns = min(columns, len(originals))
    doubles = []
    for first in range(0, len(originals), columns):
        rows = [images[first : first + columns] for images in (originals, reconstructions)]
        both = torch.cat([_fill(images, columns) for images in rows])
        doubles.append(grid(both, columns=columns))
    return _join(doubles, dim=1)


def paths(starts: Tensor, images: Tensor, ends: Tensor) -> Tensor:
    """Returns the picture of one path per row, with a band between originals and decoded images.

    The originals at its start and end are (P, C, H, W), the images between them (P, S, C, H, W).
    """
    middle = grid(images.flatten(0, 1), columns=images.shape[1])
    return _join([grid(starts, columns=1), middle, grid(ends, columns=1)], dim=2)


def blocks(images: Tensor) -> Tensor:
    """Returns the picture of blocks of rows, (K, R, S, C, H, W), with a band between blocks."""
    steps = images.shape[2]
    return _join([grid(block.flatten(0, 1), columns=steps) for block in images], dim=1)


def latent_plane(right: Tensor, up: Tensor) -> Tensor:
    """Returns every pair of two axes' ascending values (S,), in the order of `grid`: (S * S, 2).

    The first coordinate grows to the right and the second upwards, as in a graph, so the first
    point is (right[0], up[-1]), the upper left corner.
    """
    second, first = torch.meshgrid(up.flip(0), right, indexing="ij")
    return torch.stack([first.flatten(), second.flatten()], dim=1)


def to_uint8(picture: Tensor) -> Tensor:
    """Rounds a picture (C, H, W) in [0, 1] to bytes; values outside are cut, never rescaled."""
    return picture.detach().float().clamp(0, 1).mul(255).round().to("cpu", torch.uint8)


def _fill(images: Tensor, count: int) -> Tensor:
    """Appends grey images to (N, C, H, W) until there are `count`: a last row that is short."""
    grey = images.new_full((count - len(images), *images.shape[1:]), SHADE)
    return torch.cat([images, grey])


def _join(pictures: Sequence[Tensor], *, dim: int) -> Tensor:
    """Joins pictures below one another (dim 1) or side by side (dim 2), a band between them."""
    shape = list(pictures[0].shape)
    shape[dim] = BAND
    band = pictures[0].new_full(shape, SHADE)
    parts = [part for picture in pictures for part in (picture, band)]
    return torch.cat(parts[:-1], dim=dim)
