"""Errors and nulls: against formulas, and over many sets of images."""

import numpy as np
import pytest
from factor_codes import noisy, sample_of

from vae_lab.evaluate.factors.codes import CodeSample
from vae_lab.evaluate.factors.mig import mig_of_bins
from vae_lab.evaluate.factors.resampling import (
    GROUPS,
    jackknife,
    leave_groups_out,
    measure,
    permuted_codes,
    random_codes,
)


def mean_of_test_codes(sample: CodeSample) -> dict[str, float]:
    return {"mean": float(sample.test.mean.mean())}


def test_the_error_of_a_mean_is_the_standard_error_of_the_means_of_groups() -> None:
    sample = sample_of(noisy(500, 2, 2, latent_dim=3, seed=0))
    found = measure(mean_of_test_codes, sample)["mean"]
    without = np.array([mean_of_test_codes(part)["mean"] for part in leave_groups_out(sample)])
    # Of equal groups the mean without one is (10 m - m_g) / 9.
    groups = GROUPS * sample.test.mean.mean() - (GROUPS - 1) * without
    assert found.error == pytest.approx(groups.std(ddof=1) / np.sqrt(GROUPS))
    assert found.error == jackknife(without)


def test_each_image_is_left_out_once() -> None:
    sample = sample_of(
        noisy(103, 2, 2, latent_dim=2, seed=0), noisy(60, 2, 2, latent_dim=2, seed=1)
    )
    parts = list(leave_groups_out(sample))
    assert len(parts) == GROUPS
    assert sum(103 - len(part.train.mean) for part in parts) == 103
    assert sum(60 - len(part.test.mean) for part in parts) == 60


def test_the_error_of_mig_is_its_deviation_over_sets_of_images() -> None:
    found = [
        measure(mig_of_bins, sample_of(noisy(300, 3, 4, latent_dim=4, seed=seed)))["mig"]
        for seed in range(30)
    ]
    deviation = np.std([one.value for one in found], ddof=1)
    errors = [one.error for one in found if one.error is not None]
    # Of 30 values a deviation is known to a seventh; each error of 10 groups to a quarter.
    assert len(errors) == 30 and 0.6 < np.mean(errors) / deviation < 1.6


def test_nulls_keep_shapes_and_know_nothing() -> None:
    sample = sample_of(
        noisy(300, 3, 4, latent_dim=4, seed=0), noisy(200, 3, 4, latent_dim=4, seed=1)
    )
    random, permuted = random_codes(sample, 0), permuted_codes(sample, 0)
    assert random.train.mean.shape == (300, 4) and random.test.mean.shape == (200, 4)
    assert np.array_equal(random.test.factors, sample.test.factors)
    assert np.array_equal(permuted.test.mean, sample.test.mean)
    # Whole rows: factors that hang together still do.
    assert sorted(map(tuple, permuted.test.factors)) == sorted(map(tuple, sample.test.factors))
    found = measure(mig_of_bins, sample)["mig"]
    assert found.random.mean < 0.1 < found.value and found.permuted.mean < 0.1
    # The same again, and other draws with another seed.
    assert measure(mig_of_bins, sample)["mig"] == found
    assert measure(mig_of_bins, sample._replace(seed=1))["mig"].random != found.random


def test_of_too_few_images_no_error_is_known() -> None:
    sample = sample_of(noisy(2 * GROUPS - 1, 2, 2, latent_dim=2, seed=0))
    assert measure(mean_of_test_codes, sample)["mean"].error is None
