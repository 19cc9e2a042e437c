"""Cosines and sines that are the same bits on every machine.

A processor's or a system's library may round the last bit of a cosine in its own way. A sum of
products of float64 has one result everywhere.
"""

from fractions import Fraction

# pi / 180 to float64.
_RADIANS = 0.017453292519943295

# Terms of the series: at 45 degrees the next one is below 1e-18.
_TERMS = 9


def cos_sin(degrees: Fraction) -> tuple[float, float]:
    """Returns cosine and sine of an angle; at multiples of 90 degrees exactly 0, 1 or -1."""
    quarters, rest = divmod(degrees + 45, 90)
    # The angle from the nearest multiple of 90 degrees, at most 45 to either side.
    x = float(rest - 45) * _RADIANS
    cos, sin = _series(1.0, x * x, 1), _series(x, x * x, 2)
    for _ in range(int(quarters) % 4):
        cos, sin = -sin, cos
    return cos + 0.0, sin + 0.0  # no -0.0


def _series(first: float, square: float, start: int) -> float:
    """Returns first - first x² / (start (start + 1)) + ..., the series of cosine or sine."""
    total, term = first, first
    for n in range(_TERMS):
        number = start + 2 * n
        term = -term * square / (number * (number + 1))
        total += term
    return total
