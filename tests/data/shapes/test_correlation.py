"""What data.correlate asks for is what comes out, exactly in the tables, by chance in the draws."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from vae_lab.data.shapes.correlation import JointTable, joint_tables
from vae_lab.data.shapes.data_set import Shapes
from vae_lab.data.shapes.draws import draw_factors
from vae_lab.errors import UserError

COUNTS = {"shape": 3, "size": 6, "x": 8, "y": 8}


def table_of(entry: Any, counts: dict[str, int] = COUNTS) -> np.ndarray:
    (table,) = joint_tables([entry], counts)
    shape = [counts[name] for name in table.names]
    return np.array([float(share) for share in table.probabilities.values()]).reshape(shape)


def correlation(table: np.ndarray) -> float:
    """Returns Pearson's correlation of the numbers 0, 1, ... of two factors."""
    a, b = np.indices(table.shape)
    mean_a, mean_b = (table * a).sum(), (table * b).sum()
    covariance = (table * (a - mean_a) * (b - mean_b)).sum()
    spread = (table * (a - mean_a) ** 2).sum() * (table * (b - mean_b) ** 2).sum()
    return float(covariance / math.sqrt(spread))


@pytest.mark.parametrize("strength", [-1, -0.5, 0, 0.25, 0.8, 1])
def test_a_number_is_the_correlation_and_both_factors_stay_uniform(strength: float) -> None:
    table = table_of(["x", "y", strength])
    assert correlation(table) == pytest.approx(strength, abs=1e-12)
    assert table.sum(0) == pytest.approx(1 / 8) and table.sum(1) == pytest.approx(1 / 8)
    # (1 - |r|) / 64 everywhere and |r| / 8 beside on the diagonal.
    assert table[0, 0 if strength >= 0 else 7] == pytest.approx(
        (1 - abs(strength)) / 64 + abs(strength) / 8
    )


def test_with_unequal_numbers_of_values_factors_stay_uniform() -> None:
    table = table_of(["shape", "x", 1])
    assert table.sum(0) == pytest.approx(1 / 8) and table.sum(1) == pytest.approx(1 / 3)
    # Eighths in thirds: the third value of x belongs to two shapes.
    assert table[0] == pytest.approx([1 / 8, 1 / 8, 1 / 12, 0, 0, 0, 0, 0])


def test_a_band_has_the_form_of_its_formula() -> None:
    table = table_of(["x", "y", {"sigma": 0.2}])
    a, b = np.indices((8, 8)) / 7
    expected = np.exp(-((a - b) ** 2) / (2 * 0.2**2))
    assert table == pytest.approx(expected / expected.sum(), rel=1e-12)


def test_a_table_is_taken_as_it_is() -> None:
    given = [[1, 0], [2, 5]]
    counts = {"a": 2, "b": 2}
    (table,) = joint_tables([["a", "b", given]], counts)
    assert [*table.probabilities.values()] == [Fraction(1, 8), 0, Fraction(1, 4), Fraction(5, 8)]


def chi_square(factors: np.ndarray, probabilities: np.ndarray) -> tuple[float, int]:
    """Returns the statistic and its degrees of freedom; cells of probability 0 must be empty."""
    counts = np.zeros(probabilities.shape)
    np.add.at(counts, tuple(factors.T), 1)
    assert not counts[probabilities == 0].any()
    expected = (probabilities * len(factors))[probabilities > 0]
    return float(((counts[probabilities > 0] - expected) ** 2 / expected).sum()), expected.size - 1


@pytest.mark.parametrize(
    "entry",
    [
        ["x", "y", 0.8],
        ["x", "y", -0.3],
        ["shape", "x", 0.5],
        ["y", "size", {"sigma": 0.4}],
        ["shape", "size", [[1, 0, 0, 2, 0, 3], [0, 4, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1]]],
        ["shape", "shape2", "x2", [[[1, 2], [3, 0]], [[0, 1], [1, 1]], [[5, 1], [1, 4]]]],
    ],
)
def test_draws_have_the_table_that_was_asked_for(entry: list[Any]) -> None:
    counts = {**COUNTS, "shape2": 2, "x2": 2}
    tables = joint_tables([entry], counts)
    factors = draw_factors(counts, tables, 40_000, seed=3, split=0)
    names = entry[:-1]
    columns = factors[:, [[*counts].index(name) for name in names]]
    statistic, freedom = chi_square(columns, table_of(entry, counts))
    # The mean of chi square plus four deviations; the seed is fixed.
    assert statistic < freedom + 4 * math.sqrt(2 * freedom)
    # Others are uniform and independent of them.
    other = next(name for name in counts if name not in names)
    pair = factors[:, [[*counts].index(name) for name in (names[0], other)]]
    own = table_of(entry, counts).sum(tuple(range(1, len(names))))
    uniform = np.outer(own, np.full(counts[other], 1 / counts[other]))
    statistic, freedom = chi_square(pair, uniform)
    assert statistic < freedom + 4 * math.sqrt(2 * freedom)


def test_a_chain_of_pairs_has_the_table_of_each_pair() -> None:
    # The last entry ties the first two together.
    correlate = [["x", "y", 0.8], ["shape", "size", 0.5], ["y", "shape", -0.9]]
    tables = joint_tables(correlate, COUNTS)
    factors = draw_factors(COUNTS, tables, 40_000, seed=0, split=0)
    for entry in correlate:
        columns = factors[:, [[*COUNTS].index(str(name)) for name in entry[:-1]]]
        statistic, freedom = chi_square(columns, table_of(entry))
        assert statistic < freedom + 4 * math.sqrt(2 * freedom)


def made(**changes: Any) -> Shapes:
    values = {"size": 3, "rotation": 1, "x": 4, "y": 4, "brightness": 1, "hue": 1}
    settings: dict[str, Any] = {"image_size": 32, "shapes": ["square", "heart"], "values": values}
    settings |= {"correlate": [], "correlated_test": False, "draw_seed": 0}
    return Shapes(**{**settings, "num_images": 3000, "num_test": 2000, **changes})


def test_the_same_seed_draws_the_same_factors_on_every_machine() -> None:
    factors = made(correlate=[["x", "y", 0.8]]).load().factors
    assert factors is not None
    assert factors.names == ("shape", "size", "x", "y")
    assert factors.train[:3].tolist() == [[1, 1, 2, 2], [0, 1, 1, 1], [0, 1, 2, 2]]
    assert factors.test[:3].tolist() == [[1, 2, 3, 3], [1, 0, 1, 2], [1, 0, 3, 0]]


def test_test_images_are_independent_unless_they_are_asked_to_be_like_the_others() -> None:
    correlate = [["x", "y", 0.8]]
    for is_correlated, expected in ((False, 0.0), (True, 0.8)):
        factors = made(correlate=correlate, correlated_test=is_correlated).load().factors
        assert factors is not None
        train, test = (np.corrcoef(part[:, 2:].T)[0, 1] for part in factors[2:])
        assert train == pytest.approx(0.8, abs=0.03) and test == pytest.approx(expected, abs=0.06)


def test_labels_are_the_shapes_and_images_are_drawn_from_their_factors() -> None:
    source = made()
    images = source.load()
    factors = images.factors
    assert factors is not None and images.train_labels is not None
    assert images.label_names == ("square", "heart") == factors.values[0]
    assert np.array_equal(images.train_labels, factors.train[:, 0])
    assert np.array_equal(images.test_images[:], source.renderer.draw(factors.test))
    assert images.train_images.shape == (3000, 1, 32, 32)


def test_one_shape_gives_no_labels() -> None:
    images = made(shapes=["heart"], num_images=10, num_test=5).load()
    assert images.train_labels is None and images.label_names is None
    assert images.factors is not None and images.factors.names == ("size", "x", "y")


def test_another_seed_draws_others() -> None:
    first, second = (made(draw_seed=seed).load().factors for seed in (0, 1))
    assert first is not None and second is not None
    assert not np.array_equal(first.train, second.train)
    assert not np.array_equal(first.train[:2000], first.test)


@pytest.mark.parametrize(
    ("correlate", "words"),
    [
        ("x", "must be a list, such as"),
        ([["x", 0.5]], "must be a list of lists"),
        (
            [["x", "hue", 0.5]],
            r"names hue, which is not a factor here: choose from shape, size, x, y",
        ),
        ([["x", "x", 0.5]], "names one factor twice"),
        ([["x", "y", 1.5]], "ties x and y with 1.5: a number from -1"),
        ([["x", "y", {"sigma": 0}]], "with sigma 0: a number from 0.001"),
        ([["x", "y", {"s": 1}]], r"a table of 4 \(x\) x 4 \(y\) numbers"),
        ([["shape", "size", [[1, 2, 3]]]], r"a table of 2 \(shape\) x 3 \(size\) numbers"),
        ([["shape", "size", [[1, 2, 3], [0, -1, 0]]]], "numbers of at least 0"),
        ([["shape", "size", [[0, 0, 0], [0, 0, 0]]]], "not all 0"),
        ([["x", "y", 0.5], ["y", "x", 0.1]], "ties y and x together twice"),
        ([["x", "y", 0.5], ["y", "size", 0.1], ["size", "x", 0.1]], "together twice"),
        ([["x", "y", {"sigma": 0.2}], ["y", "size", 0.5]], "gives y other probabilities"),
    ],
)
def test_what_no_table_can_be_is_said_in_one_line(correlate: Any, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        made(correlate=correlate)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_size": 28}, "must be 32 or 64 with data=shapes, got 28"),
        (
            {"shapes": ["heart", "dog"]},
            "names dog: each of square, ellipse, heart, triangle is possible once",
        ),
        ({"shapes": ["heart", "heart"]}, "names heart: each of"),
        ({"num_test": 0.1}, "num_test must be a whole number from 1"),
        (
            {"shapes": ["heart"], "values": dict.fromkeys(("size", "rotation", "x", "y"), 1)},
            "no factor with more than one value",
        ),
    ],
)
def test_settings_that_give_no_data_set_are_refused(changes: dict[str, Any], words: str) -> None:
    if "values" in changes:
        changes["values"] |= {"brightness": 1, "hue": 1}
    with pytest.raises(UserError, match=words):
        made(**changes)


def test_a_marginal_is_a_sum_over_the_others() -> None:
    table = JointTable(("a", "b"), {(0, 0): Fraction(1, 4), (0, 1): Fraction(3, 4)})
    assert table.marginal("b") == {0: Fraction(1, 4), 1: Fraction(3, 4)}
    assert table.marginal("a") == {0: Fraction(1)}
