"""Means and their differences, with what chance does to both: which images, and which seeds.

Shapes: N images. Differences are a minus b, in the unit of the values.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95

# The probability that a page reports a difference although none is real.
FALSE_ALARMS = 1 - CONFIDENCE

# Smaller probabilities count as equal.
SMALLEST = 1e-20

# The 95 % quantile of the normal distribution: the shares' standard errors are made with it.
_NORMAL = float(stdtrit(math.inf, (1 + CONFIDENCE) / 2))


class Variance(NamedTuple):
    """The variance of a mean, and the degrees of freedom that it was estimated with."""

    value: float
    degrees: float


class Sample(NamedTuple):
    """A quantity of one setting: a value for each of its seeds, and what is known of each."""

    values: tuple[float, ...]
    # Of each seed: the standard error over images, and the values image by image, (N,).
    errors: tuple[float | None, ...] = ()
    per_image: tuple[np.ndarray, ...] = ()
    # The images that each value is a mean over, if known, and whether it is a share of them.
    num_images: int | None = None
    is_share: bool = False

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None for one seed."""
        if len(self.values) < 2:
            return None
        # Rounding would make a tiny number of equal values.
        is_constant = min(self.values) == max(self.values)
        return 0.0 if is_constant else float(np.std(self.values, ddof=1))

    @property
    def error(self) -> float | None:
        """The standard error over images, of a run on average; None if nothing tells it.

        That of a share is a part of its Wilson interval: it is not 0 if the share is 0 or 1.
        """
        known = [error for error in self.errors if error is not None and math.isfinite(error)]
        error = float(np.mean(known)) if known else 0.0
        if not self.is_share:
            return error or None
        if (count := self._count(error**2)) is None:
            return None
        low, high = wilson(self.mean, count, _NORMAL)
        return (high - low) / (2 * _NORMAL)

    def numbers(self) -> dict[str, Any]:
        """Returns what is known of it, for JSON."""
        return {
            "mean": self.mean,
            "standard_error": self.error,
            "interval": self.interval(),
            "values": self.values,
        }

    def image_variance(self) -> Variance | None:
        """Returns the variance over images. All seeds have the same images: it stays as it is."""
        if not (error := self.error):
            return None
        count = self.num_images or 0
        return Variance(error**2, count - 1 if count > 1 else math.inf)

    def seed_variance(self) -> Variance | None:
        """Returns the variance over seeds; None if they do not tell it: one, or all the same."""
        if not self.spread:
            return None
        count = len(self.values)
        return Variance(self.spread**2 / count, count - 1)

    def interval(self) -> tuple[float, float] | None:
        """Returns the 95 % interval of the mean, for other images and seeds; None if unknown.

        That of a share is Wilson's, with as many images as would bring its variance.
        """
        parts = [part for part in (self.image_variance(), self.seed_variance()) if part]
        if not parts:
            return None
        half, total = _half_width(parts), sum(part.value for part in parts)
        if self.is_share and (count := self._count(total)) is not None:
            return wilson(self.mean, count, half / math.sqrt(total))
        return self.mean - half, self.mean + half

    def _count(self, variance: float) -> float | None:
        """Returns how many images give a share this variance; their number if it is 0."""
        share = self.mean
        if 0 < share < 1 and variance:
            return share * (1 - share) / variance
        return self.num_images


def wilson(share: float, count: float, quantile: float) -> tuple[float, float]:
    """Returns the interval of a share of `count` images (Wilson, 1927), within [0, 1]."""
    square = quantile**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    root = math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    half = quantile * root / (1 + square / count)
    return max(0.0, centre - half), min(1.0, centre + half)


class Difference(NamedTuple):
    """A difference of means, its standard error, and how probable it is by chance."""

    value: float
    # images: the same images, one seed each; seeds: several of each; mixed: several of some;
    # means: by the standard errors of all; unknown: nothing tells an error.
    kind: Literal["images", "seeds", "mixed", "means", "unknown"]
    counts: tuple[int, ...]  # of seeds
    variances: tuple[Variance, ...] = ()  # over images, and over seeds
    images: int = 0
    # By itself, and among all comparisons of a page.
    p_value: float | None = None
    corrected: float | None = None

    @property
    def error(self) -> float | None:
        """The standard error; None if nothing tells it."""
        return math.sqrt(sum(part.value for part in self.variances)) or None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of this difference by itself."""
        half = _half_width(self.variances)
        return (self.value - half, self.value + half) if self.variances else None

    @property
    def differs(self) -> bool | None:
        """Whether it is more than chance; None if that cannot be told."""
        return None if self.corrected is None else self.corrected < FALSE_ALARMS

    def numbers(self) -> dict[str, Any]:
        """Returns what is known of it, for JSON."""
        return {
            "value": self.value,
            "standard_error": self.error,
            "interval": self.interval,
            "p": self.p_value,
            "p_corrected": self.corrected,
            "differs": self.differs,
        }

    def turned(self) -> "Difference":
        """Returns the difference with the other sign, b minus a."""
        return self._replace(value=-self.value, counts=self.counts[::-1])


def difference(a: Sample, b: Sample) -> Difference:
    """Returns the difference of the means, a - b, as the only comparison."""
    return contrast((a, b), (1.0, -1.0))


def contrast(samples: Sequence[Sample], weights: Sequence[float]) -> Difference:
    """Returns a weighted sum of means, as the only comparison; it is 0 if nothing differs.

    Its variance has two parts. Over images: of the same sum for each image, or of all means. Over
    seeds (Welch): only if a setting has several; one that has a single seed, or a standard
    deviation of 0, gets that of the others. With one seed each, the difference is one of runs.
    """
    counts = tuple(len(sample.values) for sample in samples)
    value = sum(weight * sample.mean for sample, weight in zip(samples, weights, strict=True))
    paired = _paired(samples, weights)
    own = [
        Variance(weight**2 * part.value, part.degrees)
        for sample, weight in zip(samples, weights, strict=True)
        if (part := sample.image_variance())
    ]
    over_images = [paired] if paired else own
    kind: Literal["images", "seeds", "mixed", "means"]
    if max(counts) > 1:
        kind = "seeds" if min(counts) > 1 else "mixed"
    else:
        kind = "images" if paired else "means"
        # The error of one of two runs is not that of their difference.
        over_images = over_images if paired or len(own) == len(samples) else []
    images = len(samples[0].per_image[0]) if paired else 0
    parts = (*over_images, *_seed_variances(samples, weights))
    if value == 0 or not math.isfinite(value) or not parts:
        known = 1.0 if value == 0 else None
        return Difference(value, "unknown", counts, (), images, known, known)
    probability = _probability(abs(value), parts)
    return Difference(value, kind, counts, parts, images, probability, probability)


def _paired(samples: Sequence[Sample], weights: Sequence[float]) -> Variance | None:
    """Returns the variance over images of the sum, from the same images in all samples."""
    sizes = {len(values) for sample in samples for values in sample.per_image}
    if not all(sample.per_image for sample in samples) or len(sizes) > 1 or min(sizes) < 2:
        return None
    sums = np.sum(
        [
            weight * np.mean(sample.per_image, axis=0)
            for sample, weight in zip(samples, weights, strict=True)
        ],
        axis=0,
    )
    variance = float(sums.var(ddof=1)) / len(sums)
    return Variance(variance, len(sums) - 1) if 0 < variance < math.inf else None


def _seed_variances(samples: Sequence[Sample], weights: Sequence[float]) -> list[Variance]:
    """Returns the variance of the sum over seeds, with Welch and Satterthwaite's degrees.

    A sample that does not tell its variance has that of the others, pooled.
    """
    shares = [
        weight**2 / len(sample.values) for sample, weight in zip(samples, weights, strict=True)
    ]
    known = [
        (sample.spread**2, len(sample.values) - 1, share)
        for sample, share in zip(samples, shares, strict=True)
        if sample.spread
    ]
    if not known:
        return []
    degrees = sum(count for _, count, _ in known)
    pooled = sum(shares) - sum(share for *_, share in known)
    parts = [
        Variance(variance * (share + pooled * count / degrees), count)
        for variance, count, share in known
    ]
    total = sum(part.value for part in parts)
    return [Variance(total, total**2 / sum(part.value**2 / part.degrees for part in parts))]


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """Returns differences with p-values that are corrected for all of them together.

    If no difference is real, at most 5 % of pages report one, however the differences depend on
    one another (Holm, A Simple Sequentially Rejective Multiple Test Procedure,
    1979). Those of which nothing is known do not count.
    """
    known = [index for index, it in enumerate(differences) if it.p_value is not None]
    corrected = list(differences)
    largest = 0.0
    for rank, index in enumerate(sorted(known, key=lambda index: differences[index].p_value or 0)):
        largest = max(largest, (differences[index].p_value or 0) * (len(known) - rank))
        corrected[index] = differences[index]._replace(corrected=min(1.0, largest))
    return corrected


def _half_width(parts: Sequence[Variance], probability: float = 1 - CONFIDENCE) -> float:
    """Returns the size that a difference by chance exceeds with at most this probability.

    Each part has its own quantile: a few seeds and many images are known differently well.
    """
    squares = (part.value * stdtrit(part.degrees, probability / 2) ** 2 for part in parts)
    return math.sqrt(sum(squares))


def _probability(size: float, parts: Sequence[Variance]) -> float:
    """Returns the probability at which `_half_width` is `size`."""
    if len(parts) == 1:
        return 2 * float(stdtr(parts[0].degrees, -size / math.sqrt(parts[0].value)))
    if size >= _half_width(parts, SMALLEST):
        return SMALLEST
    from scipy.optimize import brentq  # takes a third of a second

    excess = lambda exponent: _half_width(parts, 10.0**exponent) - size  # noqa: E731
    return 10.0 ** brentq(excess, math.log10(SMALLEST), 0)
