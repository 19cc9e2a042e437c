"""Codes of images whose factors are known.

Shapes: N images, Z latent dimensions, F factors.
"""

from typing import NamedTuple

import numpy as np

# A latent dimension is active if its means have more than this share of its whole variance, that of
# the means and that of the posteriors together. The prior's is 1, so it is about the variance of
# 0.01 by which active units are counted, but no scale changes it.
ACTIVE_SHARE = 0.01


class Codes(NamedTuple):
    """Posterior means and variances, float64 (N, Z), and factors of the images, int64 (N, F)."""

    mean: np.ndarray
    variance: np.ndarray
    factors: np.ndarray

    def rows(self, places: np.ndarray) -> "Codes":
        """Returns those of some images."""
        return Codes(*(field[places] for field in self))

    def active(self) -> np.ndarray:
        """Returns which dimensions vary over the images, bool (Z,)."""
        spread, width = self.mean.var(axis=0), self.variance.mean(axis=0)
        return spread > ACTIVE_SHARE * (spread + width)


class CodeSample(NamedTuple):
    """Codes that classifiers learn from, and others that all scores are measured on."""

    train: Codes
    test: Codes
    num_bins: int
    seed: int


def top_gap(scores: np.ndarray) -> np.ndarray:
    """Returns the largest minus the second largest of the scores (Z, F) of each factor, (F,)."""
    largest = np.sort(scores, axis=0)
    return largest[-1] - largest[-2]
