"""Annealed importance sampling against models whose log p(x) is known exactly."""

import math

import numpy as np
import pytest
import torch
from chains import SETTINGS, annealed, bytes_of, drawn, equal_path
from linear_gaussian import PIXELS, PRECISION, Counting, linear_gaussian, log_likelihood, random
from torch import Tensor

from vae_lab.inference.annealing import Annealed
from vae_lab.inference.chains import Chains, weight_of
from vae_lab.inference.joint import log_weights
from vae_lab.posteriors import DiagonalGaussian, FullGaussian, Posterior
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

IMAGES = 40


def images() -> Tensor:
    return bytes_of(IMAGES, 1, 1, PIXELS)


def far_off() -> tuple[VAE, np.ndarray]:
    """A model whose q is narrower than the posterior and beside it, and log p(x) of `images`."""
    model, exact = linear_gaussian(latent_dim=3, posterior_shift=0.4)
    with torch.no_grad():
        model.encoder.get_parameter("log_var").sub_(1.5)
    return model, log_likelihood(exact, images() / 255).numpy()


def assert_exact(found: Annealed, truth: np.ndarray, *, error: float) -> None:
    """Asserts that the mean is the true one within its error, and that this is small enough."""
    stated = found.monte_carlo_error()
    assert stated is not None and stated < error
    # The mean of logs lies below by half of their variance, which is the error's square times N.
    assert abs(found.log_likelihood - truth).max() < 6 * error * math.sqrt(IMAGES)
    assert (found.log_likelihood - truth).mean() == pytest.approx(
        -0.5 * stated**2 * IMAGES, abs=4 * stated
    )


def test_one_temperature_is_importance_weighting() -> None:
    model, _ = far_off()
    one = SETTINGS._replace(start_width=1.0)
    found = annealed(model, images(), equal_path(1, 0.5), one)
    noise = torch.stack([
        torch.randn(IMAGES, 3, generator=stream("annealing", "test", 0, k, 0)) for k in range(8)
    ])  # fmt: skip
    with torch.no_grad():
        x = images() / 255
        log_w = log_weights(model, x, model.encode(x), noise)
    np.testing.assert_allclose(found.log_weights, log_w.numpy(), atol=1e-4)
    expected = log_w.logsumexp(dim=0) - math.log(8)
    np.testing.assert_allclose(found.log_likelihood, expected.numpy(), atol=1e-4)
    assert len(found.acceptance) == 0


@pytest.mark.parametrize(("width", "error"), [(1.0, 0.04), (1.6, 0.02), (3.0, 0.02)])
def test_the_estimate_is_the_exact_log_likelihood_within_its_error(
    width: float, error: float
) -> None:
    model, truth = far_off()
    settings = SETTINGS._replace(start_width=width)
    assert_exact(annealed(model, images(), 60, settings), truth, error=error)


@pytest.mark.parametrize("num_temperatures", [2, 6])
def test_the_mean_weight_is_the_likelihood_however_few_the_temperatures(
    num_temperatures: int,
) -> None:
    # The step is so large that half of the moves are refused: a transition that does not keep its
    # density moves the mean.
    model, exact = linear_gaussian(latent_dim=2, posterior_shift=0.2)
    truth = log_likelihood(exact, images() / 255).numpy()
    path, many = equal_path(num_temperatures, 1.4), SETTINGS._replace(num_chains=500)
    found = annealed(model, images(), path, many)
    ratios = np.exp(found.log_weights - truth).ravel()
    error = ratios.std() / math.sqrt(len(ratios))
    assert error < 0.01
    assert ratios.mean() == pytest.approx(1, abs=4 * error)
    assert found.acceptance.min() < 0.9


def test_too_few_temperatures_are_too_low_and_more_come_closer() -> None:
    model, truth = far_off()
    of_q = SETTINGS._replace(start_width=1.0)
    found = [annealed(model, images(), count, of_q) for count in (1, 5, 50)]
    gaps = [(truth - one.log_likelihood).mean() for one in found]
    assert gaps[0] > 1 and gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0
    effective = [one.effective_chains.mean() for one in found]
    assert 1 <= effective[0] < 3 and 5 < effective[2] <= 8


def test_the_error_is_the_deviation_over_repetitions() -> None:
    model, _ = far_off()
    path = equal_path(10, 0.4)
    found = [annealed(model, images(), path, SETTINGS._replace(seed=seed)) for seed in range(40)]
    deviation = np.std([one.log_likelihood.mean() for one in found], ddof=1)
    errors = [error for one in found if (error := one.monte_carlo_error())]
    assert len(errors) == 40
    assert np.mean(errors) == pytest.approx(deviation, rel=0.3)
    assert (
        annealed(model, images(), path, SETTINGS._replace(num_chains=1)).monte_carlo_error() is None
    )


def test_step_sizes_are_those_of_the_wanted_acceptance_and_shrink_with_the_density() -> None:
    model, _ = far_off()
    wide = SETTINGS._replace(start_width=4.0)
    found = annealed(model, images(), 40, wide)
    assert found.acceptance[5:].mean() == pytest.approx(0.8, abs=0.05)
    steps = found.path.step_sizes
    # In units of the start, the posterior is sqrt(e^1.5) / 4 wide: half of the start.
    assert steps[-1] < 0.75 * steps[0]


def full(posterior: Posterior) -> FullGaussian:
    """Returns a full Gaussian with correlations that the true posterior does not have."""
    mean, log_var = posterior.mean, posterior.variance.log()
    lower = random(3, 3, seed=4).tril(-1).expand(len(mean), 3, 3) * 0.5
    return FullGaussian(mean, 0.5 * log_var, lower)


def test_a_full_posterior_anneals_to_the_same_value() -> None:
    model, truth = far_off()
    start = drawn(model, images())
    assert_exact(
        annealed(model, start._replace(posterior=full(start.posterior)), 60), truth, error=0.05
    )


@pytest.mark.parametrize("family", [lambda q: q, full])
@pytest.mark.parametrize("width", [1.0, 1.7])
def test_the_slope_is_the_gradient_of_the_weight(family: object, width: float) -> None:
    model, _ = far_off()
    x = images()[:5] / 255
    with torch.no_grad():
        # pytest passes the families as objects.
        q = family(model.encode(x)).map(Tensor.double)  # type: ignore[operator]
    weight = weight_of(model, x, q, width)
    e = random(4, 5, 3, seed=8, dtype=torch.float64)
    point = weight(e)
    # log w is a quadratic function here: differences are exact at any distance.
    for axis in torch.eye(3).double():
        difference = weight(e + 0.2 * axis).log_weight - weight(e - 0.2 * axis).log_weight
        torch.testing.assert_close(difference / 0.4, point.slope @ axis, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("batch", [1, 3, 8, 50, 10_000])
def test_batches_change_memory_and_no_value(batch: int) -> None:
    model, _ = far_off()
    path, few = equal_path(5, 0.3), images()[:9]
    expected = annealed(model, few, path).log_weights
    model.decoder = decoder = Counting(model.decoder)
    found = annealed(model, few, path, SETTINGS._replace(decoder_batch=batch))
    np.testing.assert_allclose(found.log_weights, expected, atol=1e-3)
    # A point at the start, and three leapfrog steps at each of four betas.
    assert decoder.total == 8 * 9 * (1 + 4 * 3)
    assert decoder.most <= batch


def test_a_subset_and_fewer_chains_have_the_same_noise() -> None:
    model, _ = far_off()
    path, rows = equal_path(5, 0.3), torch.tensor([3, 17, 39])
    whole = annealed(model, images(), path).log_weights
    some = annealed(model, drawn(model, images(), rows), path, SETTINGS._replace(num_chains=5))
    np.testing.assert_allclose(some.log_weights, whole[:5, rows.numpy()], atol=1e-3)
    other = annealed(model, images(), path, SETTINGS._replace(seed=1)).log_weights
    assert abs(other - whole).min() > 0
    adaptation = Chains(model, drawn(model, images()), SETTINGS, name="adaptation").start()
    assert not torch.equal(
        adaptation.position,
        Chains(model, drawn(model, images()), SETTINGS, name="annealing").start().position,
    )


def test_no_state_of_the_model_moves() -> None:
    model, _ = far_off()
    parameters = list(model.parameters())
    parameters[0].requires_grad_(False)
    before = [(one.clone(), one.requires_grad) for one in parameters]
    state = torch.get_rng_state()
    with torch.no_grad():
        annealed(model, images(), 4)
    assert torch.equal(state, torch.get_rng_state())
    for one, (value, requires_grad) in zip(parameters, before, strict=True):
        assert one.grad is None and one.requires_grad == requires_grad
        assert torch.equal(one, value)


def test_a_posterior_far_narrower_than_the_true_one_stays_finite() -> None:
    model, truth = far_off()
    start = drawn(model, images())
    narrow = DiagonalGaussian(start.posterior.mean, torch.full((IMAGES, 3), -30.0))
    found = annealed(model, start._replace(posterior=narrow), 5)
    assert np.isfinite(found.log_weights).all()
    assert (found.log_likelihood < truth).mean() > 0.9
    assert PRECISION > 1
