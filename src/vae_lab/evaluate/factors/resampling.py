"""The error of a score over images, and its null: what codes score that know nothing of factors.

Shapes: N images, G groups of images, Z latent dimensions.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from vae_lab.evaluate.factors.codes import Codes, CodeSample

Scores = dict[str, float]
Score = Callable[[CodeSample], Scores]

# Groups of images for the error, and draws of each null.
GROUPS, NULLS = 10, 3


class Null(NamedTuple):
    """The mean of a score over draws of a null, and their standard deviation."""

    mean: float
    deviation: float


class ScoreWithNulls(NamedTuple):
    """A score with its standard error, and its nulls.

    `random`: codes drawn from a standard normal, of the same shape. `permuted`: the codes
    themselves, each given to another image.
    """

    value: float
    error: float | None
    random: Null
    permuted: Null


def measure(score: Score, sample: CodeSample) -> dict[str, ScoreWithNulls]:
    """Returns the scores of a sample by name, each with its error and its nulls."""
    values = score(sample)
    without = _stacked(score(part) for part in leave_groups_out(sample))
    nulls = [
        _stacked(score(draw(sample, seed)) for seed in range(NULLS))
        for draw in (random_codes, permuted_codes)
    ]
    return {
        name: ScoreWithNulls(
            value,
            jackknife(without[name]) if name in without else None,
            *(Null(float(of[name].mean()), float(of[name].std(ddof=1))) for of in nulls),
        )
        for name, value in values.items()
    }


def jackknife(without: np.ndarray) -> float:
    """Returns the standard error of a value, by its values without each of G groups, (G,).

    Efron and Stein, The Jackknife Estimate of Variance, 1981: on average it is not too small.
    """
    return float(
        np.sqrt((len(without) - 1) / len(without) * np.square(without - without.mean()).sum())
    )


def leave_groups_out(sample: CodeSample) -> Iterator[CodeSample]:
    """Yields the sample without each of G groups of its images; nothing of too few images.

    Images are left out and not drawn again: an image that is there twice would tell a classifier,
    or a bin, what it cannot know of others.
    """
    train, test = sample.train, sample.test
    if min(len(train.mean), len(test.mean)) < 2 * GROUPS:
        return
    groups = [_groups(len(codes.mean), sample.seed) for codes in (train, test)]
    for group in range(GROUPS):
        kept = [np.flatnonzero(of != group) for of in groups]
        yield sample._replace(train=train.rows(kept[0]), test=test.rows(kept[1]))


def _groups(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(size) % GROUPS


def random_codes(sample: CodeSample, seed: int) -> CodeSample:
    """Returns the sample with standard normal draws for the posterior means."""
    generator = np.random.default_rng([sample.seed, 1, seed])

    def drawn(codes: Codes) -> Codes:
        return codes._replace(mean=generator.standard_normal(codes.mean.shape))

    return sample._replace(train=drawn(sample.train), test=drawn(sample.test))


def permuted_codes(sample: CodeSample, seed: int) -> CodeSample:
    """Returns the sample with the factors of each image given to another one."""
    generator = np.random.default_rng([sample.seed, 2, seed])

    def permuted(codes: Codes) -> Codes:
        return codes._replace(factors=generator.permutation(codes.factors))

    return sample._replace(train=permuted(sample.train), test=permuted(sample.test))


def _stacked(scores: Iterator[Scores]) -> dict[str, np.ndarray]:
    found = list(scores)
    return {name: np.array([it[name] for it in found]) for name in (found[0] if found else ())}
