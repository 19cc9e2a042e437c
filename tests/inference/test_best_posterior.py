"""The best q(z|x) against a model whose true posterior, and every gap, is known in closed form."""

import math
from collections.abc import Callable

import pytest
import torch
from linear_gaussian import PIXELS, exact_precision, linear_gaussian, log_likelihood
from torch import Tensor, nn

from vae_lab.inference.best_posterior import (
    STARTS,
    BestPosterior,
    OptimizationSettings,
    best_posterior,
    bound_of,
)
from vae_lab.posteriors import FullGaussian, Posterior
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

IMAGES, DIMENSIONS = 12, 3
USUAL = OptimizationSettings(steps=400, rate=0.1, samples=100)


def noise(name: str) -> Callable[[range], Tensor]:
    def of_samples(samples: range) -> Tensor:
        shape = (IMAGES, DIMENSIONS)
        return torch.stack([torch.randn(shape, generator=stream(name, k)) for k in samples])

    return of_samples


def model_and_images(
    *, correlation: float, shift: float = 0.0
) -> tuple[VAE, Tensor, Posterior, Tensor]:
    """Returns a model, images (N, C, H, W), the encoder's posterior of them, and log p(x), (N,)."""
    model, exact = linear_gaussian(
        latent_dim=DIMENSIONS, posterior_shift=shift, correlation=correlation
    )
    x = torch.rand(IMAGES, 1, 1, PIXELS, generator=torch.Generator().manual_seed(1))
    return model, x, model.encode(x).map(Tensor.detach), log_likelihood(exact, x)


def best(
    model: VAE, x: Tensor, start: Posterior, how: OptimizationSettings = USUAL, batch: int = 2000
) -> BestPosterior:
    return best_posterior(model, x, start, how, noise=noise("steps"), decoder_batch=batch)


def bound(model: VAE, x: Tensor, q: Posterior) -> Tensor:
    return bound_of(model, x, q, noise("bound"), range(1000), decoder_batch=2000)


def full(q: Posterior) -> FullGaussian:
    """Returns the same distribution as one of the full family."""
    lower = torch.zeros(len(q.mean), DIMENSIONS, DIMENSIONS)
    return FullGaussian(q.mean, 0.5 * q.variance.log(), lower)


def precision_of(model: VAE) -> Tensor:
    return exact_precision(model.decoder.get_parameter("weight").detach().double())


def test_the_diagonal_family_misses_log_p_by_the_closed_form_and_the_full_family_by_nothing() -> (
    None
):
    model, x, start, log_p = model_and_images(correlation=0.8)
    precision = precision_of(model)
    # KL of the best diagonal Gaussian from the exact posterior: half of the sum of the logarithms
    # of the diagonal of the precision, minus the logarithm of its determinant.
    gap = 0.5 * (precision.diagonal().log().sum() - precision.logdet()).item()
    assert gap > 0.3, "or this test shows nothing"
    of_diagonal = log_p - bound(model, x, best(model, x, start).posterior)
    assert of_diagonal.mean().item() == pytest.approx(gap, abs=0.04)
    found = best(model, x, full(start)).posterior
    # The weights of the exact posterior are all p(x): no noise is left.
    torch.testing.assert_close(bound(model, x, found), log_p, atol=0.01, rtol=0)
    covariance = torch.linalg.inv(precision).expand(IMAGES, -1, -1).float()
    torch.testing.assert_close(found.covariance, covariance, atol=0.01, rtol=0)


@pytest.mark.parametrize("family", ["diagonal", "full"])
def test_a_shifted_encoder_loses_the_kl_of_the_shift(family: str) -> None:
    shift = 0.5
    model, x, start, _ = model_and_images(correlation=0.0, shift=shift)
    start = full(start) if family == "full" else start
    found = best(model, x, start)
    # The optimum is the exact posterior; the KL of two Gaussians that differ only in their mean.
    gap = 0.5 * shift**2 * precision_of(model).sum().item()
    lost = bound(model, x, found.posterior) - bound(model, x, start)
    assert lost.mean().item() == pytest.approx(gap, rel=0.03)
    assert (found.start != STARTS.index("not optimised")).all()
    assert found.moved.abs().max() < 0.05


def test_all_families_and_starts_lead_to_the_same_mean() -> None:
    model, x, start, _ = model_and_images(correlation=0.8)
    far = start.map(lambda field: field + 2.0)
    torch.testing.assert_close(best(model, x, far).posterior.mean, start.mean, atol=0.1, rtol=0)


def test_what_cannot_be_improved_stays_as_it_was() -> None:
    model, x, start, _ = model_and_images(correlation=0.0)
    # Steps so wide that each of them leads away.
    found = best(model, x, start, USUAL._replace(steps=4, rate=10.0))
    assert (found.start == STARTS.index("not optimised")).all()
    assert torch.equal(found.posterior.mean, start.mean)
    assert (found.moved == 0).all()


def test_too_few_steps_are_still_moving_at_their_end() -> None:
    model, x, start, _ = model_and_images(correlation=0.0, shift=2.0)
    assert best(model, x, start, USUAL._replace(steps=12)).moved.mean() > 0.1
    assert best(model, x, start).moved.mean() < 0.05


def test_the_model_keeps_its_weights_and_gets_no_gradient() -> None:
    model, x, start, _ = model_and_images(correlation=0.8, shift=0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    with torch.no_grad():  # as a caller may have it
        best(model, x, start, USUAL._replace(steps=8))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("batch", [1, 10, 33])
def test_the_result_of_an_image_does_not_depend_on_batches(batch: int) -> None:
    model, x, start, _ = model_and_images(correlation=0.8, shift=0.5)
    how = USUAL._replace(steps=40, samples=5)
    whole, parts = best(model, x, full(start), how), best(model, x, full(start), how, batch)
    for one, other in zip(whole.posterior, parts.posterior, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)
    assert torch.equal(whole.start, parts.start)


class TwoModes(nn.Module):
    """A decoder that gives z and -z the same pixels, if their first dimension is large."""

    def forward(self, z: Tensor) -> Tensor:
        return (z[:, :1].abs() * 2).expand(-1, PIXELS).reshape(-1, 1, 1, PIXELS)


def test_the_likeliest_draw_of_the_prior_finds_a_mode_far_from_the_encoder() -> None:
    model, x, _, _ = model_and_images(correlation=0.0)
    model.decoder = TwoModes()
    x = torch.full_like(x, 3.0)
    # The encoder is sure of the wrong place.
    start = full(model.encode(x)).map(torch.zeros_like)
    start = start._replace(log_scale=start.log_scale - math.log(50))
    found = best(model, x, start)
    first = found.posterior.mean[:, 0].abs()
    torch.testing.assert_close(first, torch.full_like(first, 1.5), atol=0.1, rtol=0)
