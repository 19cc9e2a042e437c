"""Images of one bright shape before black, drawn from the values of its factors.

Shapes: N images, F factors, C channels (1, or 3 with hue), H = W pixels.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from vae_lab.data.shapes.angles import cos_sin
from vae_lab.data.shapes.coverage import FULL, Poses, coverage
from vae_lab.data.shapes.outlines import OUTLINES

# Images that are drawn together: their lines fit into a processor's cache.
_TOGETHER = 32

# First and last value. Size is the side of the square of equal area, x and y are the centre of
# mass, as shares of the image's side: no shape leaves the image.
_RANGES = {
    "size": (Fraction("0.16"), Fraction("0.32")),
    "x": (Fraction("0.3"), Fraction("0.7")),
    "y": (Fraction("0.3"), Fraction("0.7")),
    "brightness": (Fraction("0.4"), Fraction(1)),
}

# The factors, in the order of columns.
FACTORS = ("shape", "size", "rotation", "x", "y", "brightness", "hue")


class Renderer:
    """Draws images from factors.

    `names` are the factors with more than one value, in the order of columns, and `value_names`
    what their values are called.
    """

    def __init__(
        self, *, image_size: int, shapes: Sequence[str], values: Mapping[str, int]
    ) -> None:
        """Takes pixels of a side, names of shapes, and the number of values of the other factors.

        A factor with one value has its middle: brightness is full, rotation 0, and without hue the
        images are grey.
        """
        self.image_size, self.shapes = image_size, tuple(shapes)
        period = min(OUTLINES[shape].symmetry for shape in shapes)
        self.exact_values = {
            "rotation": _circle(values["rotation"], period),
            "hue": _circle(values["hue"], 360),
            **{name: _evenly(*ends, values[name]) for name, ends in _RANGES.items()},
        }
        if values["brightness"] == 1:
            self.exact_values["brightness"] = [Fraction(1)]
        texts = {"shape": self.shapes}
        texts |= {name: tuple(map(_text, self.exact_values[name])) for name in FACTORS[1:]}
        self.names = tuple(name for name in FACTORS if len(texts[name]) > 1)
        self.value_names = tuple(texts[name] for name in self.names)
        self.counts = tuple(map(len, self.value_names))
        self.image_shape = (3 if "hue" in self.names else 1, image_size, image_size)

    def draw(self, factors: np.ndarray) -> np.ndarray:
        """Returns the images of factors, whole numbers (N, F): uint8 (N, C, H, W).

        Raises:
            ValueError: The factors are not (N, F), or a value does not exist.
        """
        factors = np.asarray(factors)
        if factors.ndim != 2 or factors.shape[1] != len(self.names):
            raise ValueError(
                f"factors have shape {factors.shape}: (N, {len(self.names)}) is needed."
            )
        if len(factors) and not ((factors >= 0) & (factors < self.counts)).all():
            raise ValueError(
                f"a factor is not from 0 to below its number of values, {self.counts}."
            )
        columns = {name: np.zeros(len(factors), np.int64) for name in FACTORS}
        columns.update(zip(self.names, factors.T, strict=True))
        images = np.empty((len(factors), *self.image_shape), np.uint8)
        for number, shape in enumerate(self.shapes):
            rows = np.flatnonzero(columns["shape"] == number)
            for start in range(0, len(rows), _TOGETHER):
                chunk = rows[start : start + _TOGETHER]
                codes = {name: column[chunk] for name, column in columns.items()}
                covered = coverage(OUTLINES[shape], self._poses(codes), self.image_size)
                for channel, level in enumerate(self._levels(codes)):
                    # Rounded; FULL is a power of two, so that its reciprocal is exact.
                    share = (level / FULL)[:, None, None]
                    images[chunk, channel] = covered * share + 0.5
        return images

    def _poses(self, codes: Mapping[str, np.ndarray]) -> Poses:
        """Returns side, direction and centre of each image, in pixels."""
        angles = np.array([cos_sin(degrees) for degrees in self.exact_values["rotation"]])
        cos, sin = angles[codes["rotation"]].T
        side, x, y = (
            np.array([float(share * self.image_size) for share in self.exact_values[name]])[
                codes[name]
            ]
            for name in ("size", "x", "y")
        )
        return Poses(side, cos, sin, x, y)

    def _levels(self, codes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the value of a pixel that is covered, from 0 to 255, float64 (C, B)."""
        # The primary colours of each hue at full saturation, (hues, C).
        hues: list[list[Fraction]] = [[Fraction(1)]]
        if "hue" in self.names:
            hues = [*map(_colour, self.exact_values["hue"])]
        levels = np.array(
            [
                [[float(round(255 * light * part)) for part in colour] for colour in hues]
                for light in self.exact_values["brightness"]
            ]
        )
        return levels[codes["brightness"], codes["hue"]].T


def _evenly(first: Fraction, last: Fraction, count: int) -> list[Fraction]:
    """Returns numbers at equal distances; the middle if it is one."""
    if count == 1:
        return [(first + last) / 2]
    return [first + (last - first) * number / (count - 1) for number in range(count)]


def _circle(count: int, degrees: int) -> list[Fraction]:
    """Returns angles at equal distances; the end of the circle, its beginning, is left out."""
    return [Fraction(degrees * number, count) for number in range(count)]


def _colour(hue: Fraction) -> list[Fraction]:
    """Returns red, green and blue of a hue in degrees: 0 is red, 120 green, 240 blue."""
    distances = (abs((hue - main + 180) % 360 - 180) for main in (0, 120, 240))
    return [min(Fraction(1), max(Fraction(0), 2 - distance / 60)) for distance in distances]


def _text(value: Fraction) -> str:
    return f"{round(float(value), 3):g}"
