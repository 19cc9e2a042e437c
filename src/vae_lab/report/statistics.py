"""Differences and their errors: image by image, over seeds, or of two means.

Shapes: N images. Differences are a minus b, in the unit of the values.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import stdtrit

# Two means that are this many standard errors apart differ.
ERRORS = 2

CONFIDENCE = 0.95


class Sample(NamedTuple):
    """A quantity of one setting: a value for each of its seeds, and what is known of each."""

    values: tuple[float, ...]
    # Of each seed: the standard error over images, and the values image by image, (N,).
    errors: tuple[float | None, ...] = ()
    per_image: tuple[np.ndarray, ...] = ()

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None for one seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    @property
    def error(self) -> float | None:
        """The standard error over images; with several seeds, of a run on average."""
        errors = [error for error in self.errors if error is not None]
        return float(np.mean(errors)) if errors else None

    def interval(self) -> tuple[float, float] | None:
        """Returns the t interval of the mean over seeds; None for one seed."""
        if self.spread is None:
            return None
        count = len(self.values)
        half = _quantile(count - 1) * self.spread / math.sqrt(count)
        return self.mean - half, self.mean + half


# images: the same images, both by one seed; seeds: several of each; mixed: several of one of them;
# means: by the standard errors of both; unknown: there is no error of either.
Kind = Literal["images", "seeds", "mixed", "means", "unknown"]


class Difference(NamedTuple):
    """A difference of two means, and the interval or error behind it."""

    value: float
    kind: Kind
    error: float | None
    interval: tuple[float, float] | None
    counts: tuple[int, int]
    images: int | None

    @property
    def differs(self) -> bool | None:
        """Whether it is more than chance; None where that cannot be said."""
        if self.interval is not None:
            return self.interval[0] > 0 or self.interval[1] < 0
        if self.error is not None:
            return abs(self.value) > ERRORS * self.error
        return None


def difference(a: Sample, b: Sample) -> Difference:
    """Returns the difference of the means, a - b.

    Several seeds each: Welch's t interval. Several of one only: an interval for one run more of
    it, as if the other had the same spread. One each: the paired differences over images.
    """
    counts = len(a.values), len(b.values)
    value = a.mean - b.mean
    paired = _paired(a, b)
    images = None if paired is None else len(paired)
    if min(counts) > 1:
        return Difference(value, "seeds", None, _welch(a, b), counts, images)
    if max(counts) > 1:
        half = _half_of_one_more(a if counts[0] > 1 else b)
        return Difference(value, "mixed", None, (value - half, value + half), counts, images)
    if paired is not None and len(paired) > 1:
        error = float(paired.std(ddof=1) / math.sqrt(len(paired)))
        return Difference(value, "images", error, None, counts, images)
    if a.error is not None and b.error is not None:
        return Difference(value, "means", math.hypot(a.error, b.error), None, counts, None)
    return Difference(value, "unknown", None, None, counts, None)


def best_and_ties(samples: Sequence[Sample]) -> tuple[int, list[int]]:
    """Returns the index of the highest mean, and those from which it cannot be told apart."""
    best = max(range(len(samples)), key=lambda index: samples[index].mean)
    others = (index for index in range(len(samples)) if index != best)
    return best, [
        index for index in others if difference(samples[best], samples[index]).differs is False
    ]


def _paired(a: Sample, b: Sample) -> np.ndarray | None:
    """Returns the differences image by image, (N,), where both have the same images."""
    if not a.per_image or not b.per_image:
        return None
    if len({len(values) for values in (*a.per_image, *b.per_image)}) > 1:
        return None
    return np.asarray(np.mean(a.per_image, axis=0) - np.mean(b.per_image, axis=0))


def _welch(a: Sample, b: Sample) -> tuple[float, float]:
    shares = [np.var(sample.values, ddof=1) / len(sample.values) for sample in (a, b)]
    total, value = float(sum(shares)), a.mean - b.mean
    if total == 0:
        return value, value
    below = sum(
        share**2 / (len(sample.values) - 1) for share, sample in zip(shares, (a, b), strict=True)
    )
    half = _quantile(total**2 / float(below)) * math.sqrt(total)
    return value - half, value + half


def _half_of_one_more(several: Sample) -> float:
    count = len(several.values)
    assert several.spread is not None
    return _quantile(count - 1) * several.spread * math.sqrt(1 + 1 / count)


def _quantile(degrees: float) -> float:
    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))
