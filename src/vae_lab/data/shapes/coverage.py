"""How much of each pixel a shape covers: exact along x, counted on eight lines per pixel along y.

Where a line enters and leaves a shape is rounded to 1/256 of a pixel. All that follows are whole
numbers, so coverage is the same on every machine.

Shapes: B images, K lines of each, H height, W width.
"""

from typing import NamedTuple

import numpy as np

from vae_lab.data.shapes.outlines import Outline

_LINES = 8  # per pixel
_PARTS = 256  # of a pixel, along x

# The coverage of a pixel that lies inside.
FULL = _LINES * _PARTS

# No outline of area 1 reaches farther from its centre of mass: the triangle's corner, 0.8774.
_REACH = 0.878


class Poses(NamedTuple):
    """Of each image, (B,): side of the square of equal area, cosine, sine, centre; in pixels."""

    side: np.ndarray
    cos: np.ndarray
    sin: np.ndarray
    x: np.ndarray
    y: np.ndarray


def coverage(outline: Outline, poses: Poses, size: int) -> np.ndarray:
    """Returns the coverage of each pixel, whole numbers from 0 to FULL, float64 (B, size, size).

    The shapes lie inside of the image.
    """
    side, cos, sin, x, y = (column[:, None] for column in poses)
    first = np.floor((y - _REACH * side) * _LINES)
    num_lines = int(np.ceil(2 * _REACH * side.max() * _LINES)) + 1
    lines = first + np.arange(num_lines)
    heights = ((lines + 0.5) / _LINES - y) / side
    # A line below the image meets no shape: it may count for any row.
    rows = np.minimum(lines, size * _LINES - 1).astype(np.int64) // _LINES
    starts = (np.arange(len(rows))[:, None] * size + rows) * (size + 2)
    places, shares = [], []
    for sign, section in outline.sections(heights, cos, sin):
        left = _parts(x + side * section.left, size)
        right = np.maximum(_parts(x + side * section.right, size), left)
        for edge, weight in ((left, sign), (right, -sign)):
            pixel, inside = edge // _PARTS, edge % _PARTS
            # What lies to the right of the edge: a share of its pixel, and all of those behind.
            places += [starts + pixel, starts + pixel + 1]
            shares += [weight * (_PARTS - inside), weight * inside]
    number = len(rows) * size * (size + 2)
    cells = np.bincount(np.stack(places).ravel(), np.stack(shares).ravel(), minlength=number)
    return np.cumsum(cells.reshape(len(rows), size, size + 2), axis=2)[:, :, :size]


def _parts(x: np.ndarray, size: int) -> np.ndarray:
    """Returns places along x as whole parts of a pixel, inside of the image."""
    return np.clip(np.floor(x * _PARTS + 0.5), 0, size * _PARTS).astype(np.int64)
