"""The outlines of the shapes: where a horizontal line enters and leaves each of them.

Every shape has area 1 and its centre of mass at the origin; x leads to the right, y down. Only
+ - * / and square roots of float64 are used, which are the same bits on every machine.

Shapes: B images, K lines of each image.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Chord(NamedTuple):
    """Where lines enter and leave something convex, each (B, K); nothing is inside if reversed."""

    left: np.ndarray
    right: np.ndarray

    def hull(self, other: "Chord") -> "Chord":
        """Returns the section of the union with another part, if that is convex."""
        return Chord(np.minimum(self.left, other.left), np.maximum(self.right, other.right))

    def intersection(self, other: "Chord") -> "Chord":
        """Returns the section of what is in both parts."""
        return Chord(np.maximum(self.left, other.left), np.minimum(self.right, other.right))


class Polygon(NamedTuple):
    """What is inside of all half planes x * normal_x + y * normal_y <= offset."""

    sides: Sequence[tuple[float, float, float]]  # normal_x, normal_y, offset

    def section(self, y: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> Chord:
        """Returns its section, turned by angles (B, 1), at heights (B, K)."""
        left, right = np.full(y.shape, -np.inf), np.full(y.shape, np.inf)
        for across, down, offset in self.sides:
            normal_x, normal_y = cos * across - sin * down, sin * across + cos * down
            rest = offset - normal_y * y
            # A side that lies along the line lets all of it pass or nothing.
            is_level = normal_x == 0
            edge = rest / np.where(is_level, 1.0, normal_x)
            edge = np.where(is_level, np.where(rest >= 0, np.inf, -np.inf), edge)
            right = np.where(normal_x >= 0, np.minimum(right, edge), right)
            left = np.where(normal_x < 0, np.maximum(left, edge), left)
        return _or_nothing(left, right)


class Ellipse(NamedTuple):
    """An ellipse around (x, y) with half axes along x and y."""

    x: float
    y: float
    half_width: float
    half_height: float

    def section(self, y: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> Chord:
        """Returns its section, turned by angles (B, 1) around the origin, at heights (B, K)."""
        height = y - (sin * self.x + cos * self.y)
        centre = cos * self.x - sin * self.y
        # a x² + 2 b x y + c y² = 1 of the turned ellipse, solved for x.
        wide, high = (
            1 / (self.half_width * self.half_width),
            1 / (self.half_height * self.half_height),
        )
        a = cos * cos * wide + sin * sin * high
        b = cos * sin * (wide - high)
        # a c - b² does not depend on the angle.
        discriminant = a - wide * high * height * height
        half = np.sqrt(np.maximum(discriminant, 0)) / a
        middle = centre - b * height / a
        return _or_nothing(
            np.where(discriminant > 0, middle - half, np.inf),
            np.where(discriminant > 0, middle + half, -np.inf),
        )


def _or_nothing(left: np.ndarray, right: np.ndarray) -> Chord:
    """Returns a section; what is empty begins at infinity, so that it adds nothing to a hull."""
    is_empty = left >= right
    return Chord(np.where(is_empty, np.inf, left), np.where(is_empty, -np.inf, right))


class Outline(NamedTuple):
    """A shape of area 1: one or two convex parts, each a union of pieces.

    `symmetry` are the degrees after which it is the same again.
    """

    parts: Sequence[Sequence[Polygon | Ellipse]]
    symmetry: int

    def sections(self, y: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> list[tuple[int, Chord]]:
        """Returns sections at heights (B, K) and how often each counts: 1, or -1 if twice there."""
        whole = []
        for first, *others in self.parts:
            section = first.section(y, cos, sin)
            for piece in others:
                section = section.hull(piece.section(y, cos, sin))
            whole.append(section)
        if len(whole) == 1:
            return [(1, whole[0])]
        return [(1, whole[0]), (1, whole[1]), (-1, whole[0].intersection(whole[1]))]


def _square() -> Outline:
    half = 0.5
    sides = [(1.0, 0.0, half), (-1.0, 0.0, half), (0.0, 1.0, half), (0.0, -1.0, half)]
    return Outline([[Polygon(sides)]], 90)


def _ellipse() -> Outline:
    """Returns an ellipse twice as wide as high."""
    half_height = 0.3989422804014327  # 1 / sqrt(2 pi)
    return Outline([[Ellipse(0.0, 0.0, 2 * half_height, half_height)]], 180)


def _triangle() -> Outline:
    """Returns an equilateral triangle that points up."""
    # Its inner circle: area = 3 sqrt(3) r².
    offset = 0.43869133765083085
    across = 0.8660254037844386  # cos(30 degrees)
    sides = [(across, -0.5, offset), (-across, -0.5, offset), (0.0, 1.0, offset)]
    return Outline([[Polygon(sides)]], 120)


def _heart() -> Outline:
    """Returns a heart that stands on its tip: a square on its corner and a disc on two sides.

    Its two parts are the square with one disc each. Area = s² (1 + pi / 4), s the square's side.
    """
    side = 0.7483977241491033
    # The centre of mass lies on the axis, this far above that of the square: s (pi / 4)
    # (1 / 2 + 2 / (3 pi)) / (1 + pi / 4) / sqrt(2).
    rise = 0.1657976025576141
    diagonal = 0.7071067811865476  # cos(45 degrees)
    half, across = side / 2, side / 2 * diagonal
    # In coordinates with the centre of mass at 0 the square's centre is `rise` below it.
    sides = [
        (across_sign * diagonal, down_sign * diagonal, half + down_sign * diagonal * rise)
        for across_sign in (1, -1)
        for down_sign in (1, -1)
    ]
    square = Polygon(sides)
    discs = [Ellipse(sign * across, rise - across, half, half) for sign in (1, -1)]
    return Outline([[square, discs[0]], [square, discs[1]]], 360)


OUTLINES = {
    "square": _square(),
    "ellipse": _ellipse(),
    "heart": _heart(),
    "triangle": _triangle(),
}
