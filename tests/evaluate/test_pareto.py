"""The shape of the tail of weights, against distributions whose shape is known."""

import numpy as np
import pytest
import torch
from scipy.stats import genpareto

from vae_lab.evaluate.pareto import LargestWeights


def shapes(log_weights: np.ndarray, parts: int = 1) -> np.ndarray:
    """Returns Pareto's k of log-weights (K, N), handed over in some parts."""
    count, num_images = log_weights.shape
    largest = LargestWeights(num_images, count)
    for part in np.array_split(log_weights, parts):
        largest.add(slice(None), torch.from_numpy(part))
    return largest.pareto_k()


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9, 1.5])
def test_the_shape_of_a_pareto_distribution_is_recovered(k: float) -> None:
    weights = genpareto.rvs(k, size=(4000, 100), random_state=np.random.default_rng(0))
    assert shapes(np.log(weights)).mean() == pytest.approx(k, abs=0.1)


def test_neither_the_scale_nor_the_parts_in_which_weights_come_change_it() -> None:
    log_weights = np.random.default_rng(1).normal(size=(300, 5)) * 2
    expected = shapes(log_weights)
    np.testing.assert_allclose(shapes(log_weights - 5000.0, parts=7), expected, rtol=1e-6)
    assert (expected < 1.5).all()


def test_extremes_have_a_shape_or_none() -> None:
    assert np.isnan(shapes(np.zeros((300, 2)))).all(), "equal weights"
    assert np.isnan(shapes(np.random.default_rng(0).normal(size=(20, 2)))).all(), "too few"
    # One weight is all: no mean of such weights can be relied on.
    steep = np.random.default_rng(0).normal(size=(300, 2)) * 1000
    assert (shapes(steep) > 5).all()
