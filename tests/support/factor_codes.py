"""Made-up codes of images whose factors are known: two of two values, all pairs equally often."""

from itertools import product

import numpy as np

from vae_lab.evaluate.factors.codes import Codes, CodeSample

NARROW = 1e-8


def all_pairs(*values: int, times: int = 64) -> np.ndarray:
    """Returns each combination of so many values equally often, in random order, int64 (N, F)."""
    table = np.array(list(product(*map(range, values))) * times)
    return np.random.default_rng(0).permutation(table)


def coded(mean: np.ndarray, factors: np.ndarray, variance: float = NARROW) -> Codes:
    return Codes(mean.astype(float), np.full(mean.shape, variance), factors)


def sample_of(codes: Codes, other: Codes | None = None) -> CodeSample:
    """Returns the codes as those to learn from and as those to measure on."""
    return CodeSample(codes, other or codes, num_bins=20, seed=0)


def signs(factors: np.ndarray) -> np.ndarray:
    """Returns factors of two values as -1 and 1."""
    return 2 * factors - 1


def equal_to_factors(factors: np.ndarray) -> CodeSample:
    return sample_of(coded(factors, factors))


def rotated(factors: np.ndarray) -> CodeSample:
    """Returns codes that are factors of two values, rotated by 45 degrees."""
    first, second = signs(factors).T
    return sample_of(coded(np.stack([first + second, first - second], axis=1), factors))


def sheared(factors: np.ndarray) -> CodeSample:
    """Returns codes of which the first is a factor of two values and the second both factors."""
    first, second = signs(factors).T
    return sample_of(coded(np.stack([first, first + second], axis=1), factors))


def noisy(num_images: int, *values: int, latent_dim: int, seed: int) -> Codes:
    """Returns codes that begin with the factors and some noise; further dimensions are noise."""
    generator = np.random.default_rng(seed)
    factors = np.stack([generator.integers(of, size=num_images) for of in values], axis=1)
    mean = 0.1 * generator.standard_normal((num_images, latent_dim))
    mean[:, : len(values)] += factors / np.array(values) - 0.5
    return coded(mean, factors, 1e-3)
