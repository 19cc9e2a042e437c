"""Images that a model made, and the sandwich of bounds on their log p(x)."""

import math

import numpy as np
import pytest
import torch
from chains import SETTINGS, equal_path
from linear_gaussian import PIXELS, SCALE, linear_gaussian, log_likelihood
from torch import Tensor

from vae_lab.inference.simulation import SimulatedImages, sandwich, simulate
from vae_lab.likelihoods import Bernoulli, Likelihood
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.vae import VAE

IMAGES = 60


def simulated(shift: float) -> tuple[VAE, SimulatedImages, np.ndarray]:
    """A model, images that it made, and log p(x) of them."""
    model, exact = linear_gaussian(latent_dim=3, posterior_shift=shift)
    images = simulate(model, IMAGES, 0)
    return model, images, log_likelihood(exact, images.drawn.images).numpy()


def test_simulated_images_are_draws_of_the_model() -> None:
    model, exact = linear_gaussian(latent_dim=2, posterior_shift=0.0)
    (x, q, rows, *_), z = simulate(model, 4000, 0)
    assert x.shape == (4000, 1, 1, PIXELS) and torch.equal(rows, torch.arange(4000))
    flat = x.double().flatten(1)
    error = (flat.mean(dim=0) - exact.mean) / (exact.variance / 4000).sqrt()
    assert error.abs().max() < 4
    torch.testing.assert_close(flat.T.cov(), exact.covariance_matrix, rtol=0.1, atol=0.15)
    # Given z, what is left is the noise of the likelihood.
    with torch.no_grad():
        rest = x - model.decoder(z)
        assert torch.equal(q.mean, model.encode(x).mean)
    assert rest.std().item() == pytest.approx(SCALE, rel=0.03)
    # Another seed draws other images.
    assert not torch.equal(simulate(model, 2, 1).z, simulate(model, 2, 0).z)


def test_the_sandwich_holds_the_exact_value_and_more_temperatures_make_it_thinner() -> None:
    model, images, truth = simulated(0.4)
    gaps = []
    for count, step in ((3, 0.5), (12, 0.5), (60, 0.5)):
        low, high = sandwich(model, images, equal_path(count, step), SETTINGS)
        # The bounds hold in expectation: in the mean, up to its error.
        below, above = truth - low, high - truth
        for gap in (below, above):
            assert gap.mean() > -4 * gap.std() / math.sqrt(IMAGES)
        gaps.append((high - low).mean())
    assert gaps[0] > 0.3
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0
    assert gaps[2] < 0.1


def test_back_from_exact_draws_the_mean_inverse_weight_is_one_over_the_likelihood() -> None:
    # One chain of each of many images: E[p(x) / w] = 1 over x and z.
    model, exact = linear_gaussian(latent_dim=2, posterior_shift=0.2)
    images = simulate(model, 3000, 0)
    truth = log_likelihood(exact, images.drawn.images).numpy()
    one = SETTINGS._replace(num_chains=1)
    low, high = sandwich(model, images, equal_path(4, 1.2), one)
    for ratio in (np.exp(low - truth), np.exp(truth - high)):
        error = ratio.std() / math.sqrt(len(ratio))
        assert error < 0.04
        assert ratio.mean() == pytest.approx(1, abs=4 * error)


def test_a_prior_that_is_not_normalised_leaves_the_sandwich() -> None:
    model, images, truth = simulated(0.2)
    log_prob = model.prior.log_prob
    # p(z) e: both bounds are of e p(x), and agree.
    model.prior.log_prob = lambda z: log_prob(z) + 1  # type: ignore[method-assign]
    low, high = sandwich(model, images, equal_path(60, 0.5), SETTINGS)
    assert (high - low).mean() < 0.1
    assert (low - truth).mean() == pytest.approx(1, abs=0.05)


def test_with_the_exact_posterior_both_bounds_are_exact() -> None:
    model, images, truth = simulated(0.0)
    settings = SETTINGS._replace(start_width=1.0)
    low, high = sandwich(model, images, equal_path(2, 0.5), settings)
    np.testing.assert_allclose(low, truth, atol=1e-3)
    np.testing.assert_allclose(high, truth, atol=1e-3)


def test_progress_goes_there_and_back() -> None:
    model, images, _ = simulated(0.0)
    steps: list[tuple[int, int]] = []
    sandwich(
        model, images, equal_path(3, 0.5), SETTINGS, lambda done, total: steps.append((done, total))
    )
    assert steps == [(done, 6) for done in range(1, 7)]


def test_coins_are_drawn_and_a_likelihood_without_draws_is_refused() -> None:
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.0)
    model.likelihood = Bernoulli()
    x = simulate(model, 50, 0).drawn.images
    assert set(x.flatten().tolist()) == {0.0, 1.0}

    class Silent(Bernoulli):
        sample = Likelihood.sample

    model.likelihood = Silent()
    with pytest.raises(NotImplementedError, match="sample"):
        simulate(model, 2, 0)


def test_the_noise_of_a_draw_is_found_again() -> None:
    q = DiagonalGaussian(torch.randn(4, 3).double(), torch.randn(4, 3).double())
    noise = torch.randn(2, 4, 3).double()
    torch.testing.assert_close(q.noise_of(q.sample(noise)), noise)
    assert isinstance(q.mean, Tensor)
