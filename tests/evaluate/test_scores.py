"""The scores of single images, compared with a linear Gaussian model, whose bound is known."""

import pytest
import torch
from linear_gaussian import linear_gaussian, log_likelihood, random

from vae_lab.evaluate.scores import Scores, score


def scores_of(shift: float, num_samples: int) -> tuple[Scores, torch.Tensor]:
    model, exact = linear_gaussian(latent_dim=3, posterior_shift=shift)
    x = random(5, 1, 1, 6, seed=4)
    scores = score(model, x, num_samples=num_samples, seed=0, test_bounds=None)
    return scores, log_likelihood(exact, x)


def test_with_the_exact_posterior_both_bounds_are_the_likelihood() -> None:
    scores, exact = scores_of(0.0, 400)
    torch.testing.assert_close(scores.iw_bound, exact, atol=1e-4, rtol=0)
    assert scores.iw_bound_error.max() < 1e-4
    # With the KL in closed form the bound still varies with the draws.
    assert ((scores.elbo - exact).abs() < 4 * scores.elbo_error).all()
    assert scores.elbo_error.max() < 0.1
    assert scores.rank is None


def test_with_another_posterior_the_bound_lies_below_by_the_divergence() -> None:
    shift = 0.1
    scores, exact = scores_of(shift, 4000)
    # KL of two Gaussians of one covariance, 1 / precision, whose means lie `shift` apart.
    gap = 0.5 * 3 * shift**2 * (1 + 1.5**2 / 0.5**2)
    assert ((scores.elbo - (exact - gap)).abs() < 4 * scores.elbo_error).all()
    assert ((scores.iw_bound - exact).abs() < 4 * scores.iw_bound_error).all()
    assert scores.iw_bound_error.max() < 0.03
    assert scores.elbo_error.max() < gap / 4


@pytest.mark.parametrize("num_samples", [100, 1600])
def test_the_errors_fall_with_the_root_of_the_number_of_samples(num_samples: int) -> None:
    few, _ = scores_of(0.1, num_samples)
    many, _ = scores_of(0.1, 4 * num_samples)
    for name in ("elbo_error", "iw_bound_error"):
        ratio = getattr(few, name).mean() / getattr(many, name).mean()
        assert ratio.item() == pytest.approx(2, rel=0.25)
