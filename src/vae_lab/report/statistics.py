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


class Difference(NamedTuple):
    """A difference of two means, and the interval or error behind it."""

    value: float
    # images: the same images, both by one seed; seeds: several of each; mixed: several of one of
    # them; means: by the standard errors of both; unknown: there is no error of either.
    kind: Literal["images", "seeds", "mixed", "means", "unknown"]
    counts: tuple[int, int]  # of seeds
    error: float | None = None
    interval: tuple[float, float] | None = None
    images: int = 0

    @property
    def differs(self) -> bool | None:
        """Whether it is more than chance; None if that cannot be told."""
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
    if min(counts) > 1:
        return Difference(value, "seeds", counts, interval=_welch(a, b))
    if max(counts) > 1:
        several = a if counts[0] > 1 else b
        deviation = (several.spread or 0.0) * math.sqrt(1 + 1 / max(counts))
        half = _quantile(max(counts) - 1) * deviation
        return Difference(value, "mixed", counts, interval=(value - half, value + half))
    if a.per_image and b.per_image and len(a.per_image[0]) == len(b.per_image[0]) > 1:
        paired = a.per_image[0] - b.per_image[0]
        error = float(paired.std(ddof=1) / math.sqrt(len(paired)))
        return Difference(value, "images", counts, error=error, images=len(paired))
    if a.error is not None and b.error is not None:
        return Difference(value, "means", counts, error=math.hypot(a.error, b.error))
    return Difference(value, "unknown", counts)


def best_and_ties(samples: Sequence[Sample]) -> tuple[int, list[int]]:
    """Returns the index of the highest mean, and those from which it cannot be told apart."""
    best = max(range(len(samples)), key=lambda index: samples[index].mean)
    differs = [difference(samples[best], sample).differs for sample in samples]
    return best, [k for k, differ in enumerate(differs) if k != best and differ is False]


def _welch(a: Sample, b: Sample) -> tuple[float, float]:
    shares = [np.var(sample.values, ddof=1) / len(sample.values) for sample in (a, b)]
    total, value = float(sum(shares)), a.mean - b.mean
    if total == 0:
        return value, value
    below = [share**2 / (len(it.values) - 1) for share, it in zip(shares, (a, b), strict=True)]
    half = _quantile(total**2 / float(sum(below))) * math.sqrt(total)
    return value - half, value + half


def _quantile(degrees: float) -> float:
    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))
