"""Differences and intervals, held against scipy.stats, and what chance alone makes of a page."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from vae_lab.report.statistics import Sample, contrast, difference, holm, wilson

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
    assert found.p_value == pytest.approx(reference.pvalue)


def test_with_several_seeds_the_interval_is_welchs() -> None:
    a, b = (-150.2, -150.9, -150.4), (-151.8, -152.9)
    found = difference(Sample(a), Sample(b))
    reference = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert found.kind == "seeds" and found.counts == (3, 2)
    assert found.interval == pytest.approx((reference.low, reference.high))
    assert found.p_value == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)


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
    a, b = Sample((0.9,), (0.3,)), Sample((0.0,), (0.4,))
    assert difference(a, b).error == pytest.approx(0.5)
    assert difference(a, b).kind == "means" and difference(a, b).differs is False
    assert difference(a, Sample((0.0,))).differs is None


def test_images_of_other_numbers_are_not_paired() -> None:
    a, b = of_images(NOISE.normal(size=10)), of_images(NOISE.normal(size=12))
    assert difference(a, b).kind == "means"


def test_few_images_have_students_interval() -> None:
    a, b = of_images(np.array([1.0, 2.0, 4.0])), of_images(np.array([0.5, 0.9, 2.1]))
    found = difference(a, b)
    assert found.p_value == pytest.approx(stats.ttest_rel(a.per_image[0], b.per_image[0]).pvalue)
    # 1.17 and its error 0.38: more than two errors, which is nothing with three images.
    assert found.error is not None and found.value > 2 * found.error and found.differs is False


def test_the_images_count_beside_the_seeds() -> None:
    hardness = NOISE.normal(0, 20, 50)
    a, b = (
        Sample(
            values=tuple(values.mean() for values in images),
            per_image=tuple(images),
        )
        for images in (hardness + NOISE.normal(mean, 1, (3, 50)) for mean in (1.0, 0.0))
    )
    found = difference(a, b)
    paired = np.mean(a.per_image, axis=0) - np.mean(b.per_image, axis=0)
    over_seeds = (np.var(a.values, ddof=1) + np.var(b.values, ddof=1)) / 3
    assert found.error == pytest.approx(np.sqrt(over_seeds + stats.sem(paired) ** 2))


@pytest.mark.parametrize(("share", "count"), [(0.3, 50), (1.0, 20), (0.0, 7)])
def test_the_interval_of_a_share_is_wilsons(share: float, count: int) -> None:
    reference = stats.binomtest(round(share * count), count).proportion_ci(method="wilson")
    assert wilson(share, count, stats.norm.ppf(0.975)) == pytest.approx(tuple(reference))
    # As a run records it, with the standard error of its images: n - 1 of them are independent.
    error = np.sqrt(share * (1 - share) / (count - 1))
    interval = Sample((share,), (error,), num_images=count, is_share=True).interval()
    assert interval is not None and interval[0] < reference.low + 0.02 and interval[1] <= 1


def test_three_seeds_without_a_spread_are_not_certain() -> None:
    # By its own error of 0, and with a spread of 0, the first would be beyond all doubt.
    certain = Sample((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), num_images=500, is_share=True)
    nearly = Sample((0.998, 0.996, 1.0), (0.002, 0.003, 0.0), num_images=500, is_share=True)
    found = difference(certain, nearly)
    assert found.differs is False and found.interval is not None
    assert found.interval[0] < 0 < found.interval[1]
    assert certain.interval() == pytest.approx(wilson(1.0, 500, stats.t.ppf(0.975, 499)))
    lower = Sample((0.8, 0.82, 0.81), (0.018,) * 3, num_images=500, is_share=True)
    assert difference(certain, lower).differs is True


def test_a_spread_of_nothing_borrows_that_of_the_other() -> None:
    several = Sample((1.0, 2.0, 3.0))
    found = difference(Sample((5.0, 5.0, 5.0)), several)
    assert found.error == pytest.approx(np.sqrt(1 / 3 + 1 / 3)) and found.kind == "seeds"


def test_equal_values_are_the_same_and_constant_ones_say_nothing() -> None:
    assert difference(Sample((1.0, 1.0)), Sample((1.0, 1.0))).differs is False
    assert difference(Sample((2.0, 2.0)), Sample((1.0, 1.0))).differs is None
    # The mean of three equal numbers is not always that number: the spread is 0 all the same.
    assert Sample((73.2 / 100,) * 3).spread == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_no_tie(value: float) -> None:
    assert difference(Sample((value,), (0.1,)), Sample((1.0,), (0.1,))).differs is None


def test_holms_correction() -> None:
    a, b, c, unknown = (
        difference(Sample((value,), (1.0,)), Sample((0.0,), (error,)))
        for value, error in ((4.0, 1.0), (2.9, 1.0), (0.5, 1.0), (1.0, None))
    )
    (first, second, third, none) = holm([a, b, c, unknown])
    assert a.p_value is not None and b.p_value is not None and c.p_value is not None
    assert first.corrected == pytest.approx(3 * a.p_value)
    assert second.corrected == pytest.approx(2 * b.p_value)
    assert third.corrected == pytest.approx(c.p_value) and none.corrected is None
    # By itself the second differs, among three it does not.
    assert (second.p_value or 1) < 0.05 and second.differs is False and first.differs is True
    assert holm([c, c])[0].corrected == 1.0


def equal_settings(num: int, seeds: int, rng: np.random.Generator) -> list[Sample]:
    """Settings that differ in nothing: bounds of the same 60 images, each run with its own noise.

    As in real runs, training noise shifts a whole run, and images answer to it one by one.
    """
    hardness = rng.normal(0, 20, 60)
    shifts = rng.normal(0, 0.4, (num, seeds, 1)) if seeds > 1 else 0.0
    images = hardness + shifts + rng.normal(0, 1, (num, seeds, 60))
    return [Sample(tuple(runs.mean(axis=1)), per_image=tuple(runs)) for runs in images]


@pytest.mark.parametrize("seeds", [1, 3, 5])
@pytest.mark.parametrize("num", [2, 3, 6, 20])
def test_a_page_of_equal_settings_says_differs_in_five_per_cent_of_cases(
    num: int, seeds: int
) -> None:
    rng = np.random.default_rng([num, seeds])
    count = {2: 400, 3: 300, 6: 100, 20: 50}[num]
    false_alarms = alone = 0
    for _ in range(count):
        samples = equal_settings(num, seeds, rng)
        found = [difference(a, b) for a, b in combinations(samples, 2)]
        false_alarms += any(it.differs for it in holm(found))
        alone += any((it.p_value or 1) < 0.05 for it in found)
    # A page that errs in 5 % of cases stays below this in all but one of 1,000 tests.
    assert false_alarms <= stats.binom.isf(0.001, count, 0.05)
    # Without the correction, many settings differ in something nearly always.
    assert num < 6 or alone > 0.1 * count


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_what_differs_is_found_among_many(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    samples = equal_settings(6, seeds, rng)
    better = [
        sample._replace(
            values=tuple(value + 5 for value in sample.values),
            per_image=tuple(values + 5 for values in sample.per_image),
        )
        for sample in samples[:3]
    ]
    pairs = [(a, b) for a, b in combinations([*better, *samples[3:]], 2)]
    found = holm([difference(a, b) for a, b in pairs])
    assert [it.differs for it in found] == [abs(it.value) > 2 for it in found]
    assert sum(bool(it.differs) for it in found) == 9


def test_a_contrast_of_four_runs_is_taken_image_by_image() -> None:
    hardness = NOISE.normal(0, 20, 300)
    images = [hardness + NOISE.normal(mean, 1, 300) for mean in (4.0, 1.0, 2.0, 1.5)]
    weights = (0.5, 0.5, -0.5, -0.5)
    found = contrast([of_images(values) for values in images], weights)
    sums = np.dot(weights, images)
    reference = stats.ttest_1samp(sums, 0.0)
    assert found.value == pytest.approx(sums.mean()) and found.kind == "images"
    assert found.p_value == pytest.approx(reference.pvalue)
    assert found.interval == pytest.approx(tuple(reference.confidence_interval(0.95)))


def test_a_contrast_over_seeds_has_welchs_degrees_and_borrows_what_is_not_known() -> None:
    values = ((1.0, 2.0, 4.0), (0.0, 3.0), (5.0, 5.5, 7.0), (2.0, 2.5))
    weights = np.array((0.5, -0.5, 0.5, -0.5))
    parts = np.array([np.var(it, ddof=1) / len(it) for it in values]) * weights**2
    degrees = parts.sum() ** 2 / sum(parts**2 / np.array([2, 1, 2, 1]))
    half = stats.t.ppf(0.975, degrees) * np.sqrt(parts.sum())
    found = contrast([Sample(it) for it in values], weights.tolist())
    assert found.interval == pytest.approx((found.value - half, found.value + half))
    # One seed beside two settings with several: as if its variance were the pooled one.
    found = contrast([Sample((1.0, 3.0)), Sample((0.0, 1.0, 2.0)), Sample((9.0,))], (1, 1, -2))
    pooled = (2.0 * 1 + 1.0 * 2) / 3
    assert found.error == pytest.approx(np.sqrt(2.0 / 2 + 1.0 / 3 + 4 * pooled))
    assert found.kind == "mixed" and found.counts == (2, 3, 1)
