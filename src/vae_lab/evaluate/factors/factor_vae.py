"""The score of FactorVAE: which dimension varies least if a factor is kept?

A vote: a factor k is chosen, and images that have the same value of it. Of their codes, divided by
the standard deviation of all codes, the dimension d with the least variance is found. A classifier
learns the most frequent k of each d; the score is the share of other votes that it knows.

Shapes: N images, Z latent dimensions, F factors.

Source: Kim and Mnih, Disentangling by Factorising, arXiv:1802.05983, section 4 and appendix B.
"""

import numpy as np

from vae_lab.evaluate.factors.codes import Codes, CodeSample

# Votes that the classifier learns from, votes that it is tried on, and the images of a vote.
TRAIN_VOTES, TEST_VOTES, GROUP = 2000, 1000, 64


def factor_vae(sample: CodeSample) -> dict[str, float]:
    """Returns the accuracy of the classifier of votes; 0 if no dimension is active.

    All votes are of the test codes, which are images that the model was not trained on.
    """
    codes = sample.test
    active = codes.active()
    if not active.any():
        return {"factor_vae": 0.0}
    generator = np.random.default_rng(sample.seed)
    scaled = codes.mean[:, active] / codes.mean[:, active].std(axis=0)
    counts = [
        count_votes(codes._replace(mean=scaled), number, generator)
        for number in (TRAIN_VOTES, TEST_VOTES)
    ]
    return {"factor_vae": accuracy(*counts)}


def accuracy(train: np.ndarray, test: np.ndarray) -> float:
    """Returns which share of test votes (Z, F) the majority of training votes (Z, F) knows.

    Without a vote it is 0.
    """
    majority = train.argmax(axis=1)
    return float(test[np.arange(len(test)), majority].sum() / max(1, test.sum()))


def count_votes(codes: Codes, number: int, generator: np.random.Generator) -> np.ndarray:
    """Returns how often each dimension varied least while each factor was kept, (Z, F)."""
    num_images, num_factors = codes.factors.shape
    votes = np.zeros((codes.mean.shape[1], num_factors), dtype=np.int64)
    groups = [
        [np.flatnonzero(column == value) for value in range(column.max() + 1)]
        for column in codes.factors.T
    ]
    for factor in generator.integers(num_factors, size=number):
        # The value is that of an image chosen at random: a frequent one is chosen often.
        value = codes.factors[generator.integers(num_images), factor]
        group = groups[factor][value]
        if len(group) > GROUP:
            group = generator.choice(group, GROUP, replace=False)
        if len(group) < 2:
            continue  # a single image does not vary in any dimension
        votes[codes.mean[group].var(axis=0).argmin(), factor] += 1
    return votes
