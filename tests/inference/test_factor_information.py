"""Information of bins about factors: against tables of counts whose information is known."""

import math

import numpy as np
import pytest

from vae_lab.inference.factor_information import (
    binned,
    chance_information,
    entropies,
    information_shares,
    mutual_information,
    titles_of_dimensions,
)


def of_table(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns a column of codes and a column of factors with the counts of a table."""
    pairs = [
        (row, column)
        for row, counts in enumerate(table)
        for column, count in enumerate(counts)
        for _ in range(count)
    ]
    codes, factors = np.array(pairs).T
    return codes[:, None], factors[:, None]


@pytest.mark.parametrize(
    ("table", "nats"),
    [
        ([[1, 0], [0, 1]], math.log(2)),
        ([[1, 1], [1, 1]], 0.0),
        # A channel that turns over 1 in 4: ln 2 less the entropy of (1/4, 3/4).
        ([[3, 1], [1, 3]], math.log(2) + 0.25 * math.log(0.25) + 0.75 * math.log(0.75)),
        # A channel that loses half: half of ln 2.
        ([[1, 1, 0], [0, 1, 1]], math.log(2) / 2),
    ],
)
def test_information_of_a_channel_is_the_known_one(table: list[list[int]], nats: float) -> None:
    codes, factors = of_table([[50 * count for count in row] for row in table])
    assert mutual_information(codes, factors)[0, 0] == pytest.approx(nats, abs=1e-12)
    # The same codes as numbers, in bins: each value has a bin of its own.
    bins = binned(codes * 0.37 - 4, 20)
    assert mutual_information(bins, factors)[0, 0] == pytest.approx(nats, abs=1e-12)


def test_bins_are_equally_wide_and_the_largest_code_is_in_the_last() -> None:
    codes = np.array([[0.0], [0.24], [0.26], [0.5], [0.99], [1.0]])
    assert binned(codes, 4).ravel().tolist() == [0, 0, 1, 2, 3, 3]
    # One far away takes most bins from the others: equally wide, and not equally full.
    assert binned(np.array([[0.0], [1.0], [2.0], [100.0]]), 4).ravel().tolist() == [0, 0, 0, 3]
    assert binned(np.full((3, 1), 7.0), 4).ravel().tolist() == [0, 0, 0]


def test_information_by_chance_is_that_of_permuted_factors() -> None:
    generator = np.random.default_rng(0)
    bins, factors = generator.integers(20, size=(300, 1)), generator.integers(9, size=(300, 1))
    permuted = [mutual_information(bins, generator.permutation(factors))[0, 0] for _ in range(200)]
    expected = chance_information(bins, factors)[0, 0]
    assert expected == pytest.approx(np.mean(permuted), abs=0.005)
    # About 19 x 8 / 600, and somewhat more if a cell has 1.7 images.
    assert 0.25 < expected < 0.33
    assert information_shares(bins.astype(float), factors, 20)[0, 0] < 0.03


def test_entropies_are_of_the_shares_among_the_images() -> None:
    factors = np.array([[0, 5], [0, 5], [0, 5], [1, 5]])
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert entropies(factors) == pytest.approx([expected, 0.0])


def test_titles_name_the_factor_that_a_dimension_tells_most_of() -> None:
    generator = np.random.default_rng(0)
    factors = np.stack([generator.integers(4, size=800), generator.integers(9, size=800)], axis=1)
    noise = generator.standard_normal((800, 3))
    codes = np.stack(
        [factors[:, 1] + 0.1 * noise[:, 0], noise[:, 1], -factors[:, 0] + 0.1 * noise[:, 2]], axis=1
    )
    titles = titles_of_dimensions(codes, factors, ["shape", "size"])
    assert [title.factor for title in titles] == ["size", None, "shape"]
    assert titles[0].words().startswith("size 0.") or titles[0].words() == "size 1.00"
    assert titles[1].words() == "none" and titles[1].share < 0.1


def test_a_factor_that_does_not_vary_has_no_share() -> None:
    factors = np.array([[0, 3], [1, 3]] * 20)
    shares = information_shares(factors[:, [0]].astype(float), factors, 20)
    assert shares.shape == (1, 2)
    assert shares[0, 0] == pytest.approx(1, abs=0.02) and shares[0, 1] == 0
