"""Differences, intervals and ties, held against scipy.stats."""

import numpy as np
import pytest
from scipy import stats

from vae_lab.report.statistics import Sample, best_and_ties, difference

NOISE = np.random.default_rng(1)


def of_images(values: np.ndarray) -> Sample:
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return Sample((float(values.mean()),), (error,), (values,))


def test_two_runs_are_compared_image_by_image() -> None:
    hardness = NOISE.normal(0, 20, 500)
    a, b = hardness + NOISE.normal(0.5, 1, 500), hardness + NOISE.normal(0, 1, 500)
    found = difference(of_images(a), of_images(b))
    reference = stats.ttest_rel(a, b)
    assert found.kind == "images" and found.images == 500
    assert found.error is not None
    assert found.value / found.error == pytest.approx(reference.statistic)
    # The images differ by far more than the runs: unpaired, nothing would be seen.
    assert found.differs and stats.ttest_ind(a, b).pvalue > 0.1


def test_with_several_seeds_the_interval_is_welchs() -> None:
    a, b = (-150.2, -150.9, -150.4), (-151.8, -152.9)
    found = difference(Sample(a), Sample(b))
    reference = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert found.kind == "seeds" and found.counts == (3, 2)
    assert found.interval == pytest.approx((reference.low, reference.high))


def test_the_interval_of_a_mean_over_seeds_is_students() -> None:
    values = (1.0, 2.0, 4.0)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert Sample(values).interval() == pytest.approx((low, high))
    assert Sample((1.0,)).interval() is None


@pytest.mark.parametrize("turned", [False, True])
def test_one_seed_against_several_is_held_against_one_more_of_them(turned: bool) -> None:
    several = (10.0, 11.0, 12.0)
    # The prediction interval of one more draw: t(2) s sqrt(1 + 1/3), s = 1.
    half = stats.t.ppf(0.975, 2) * np.sqrt(4 / 3)
    for one, differs in ((11 + 0.9 * half, False), (11 + 1.1 * half, True)):
        samples = (Sample((one,)), Sample(several))
        found = difference(*samples[:: -1 if turned else 1])
        assert found.kind == "mixed" and found.differs is differs
        assert found.interval == pytest.approx((found.value - half, found.value + half))


def test_without_images_in_common_the_errors_of_both_count() -> None:
    a, b = Sample((1.0,), (0.3,)), Sample((0.0,), (0.4,))
    assert difference(a, b).error == pytest.approx(0.5)
    assert difference(a, b).kind == "means" and difference(a, b).differs is False
    assert difference(a, Sample((0.0,))).differs is None


def test_images_of_other_numbers_are_not_paired() -> None:
    a, b = of_images(NOISE.normal(size=10)), of_images(NOISE.normal(size=12))
    assert difference(a, b).kind == "means"


def test_the_best_and_those_that_tie_with_it() -> None:
    hardness = NOISE.normal(0, 20, 500)
    runs = [of_images(hardness + NOISE.normal(mean, 1, 500)) for mean in (0.0, 3.0, 3.0, 1.0)]
    best, ties = best_and_ties(runs)
    assert {best, *ties} == {1, 2}


def test_seeds_without_any_spread_are_no_division_by_zero() -> None:
    found = difference(Sample((1.0, 1.0)), Sample((1.0, 1.0)))
    assert found.interval == (0.0, 0.0) and found.differs is False
    assert difference(Sample((2.0, 2.0)), Sample((1.0, 1.0))).differs is True
