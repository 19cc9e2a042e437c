"""Every prior: its density integrates to 1 and fits its draws, its KL is that of its density."""

import math

import pytest
import torch
from linear_gaussian import random
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from vae_lab.config import compose
from vae_lab.posteriors import DiagonalGaussian, kl_to_aggregate
from vae_lab.priors import GaussianMixture, Mixture, Prior, StandardNormal, VampPrior

LATENT = 2


class Encoder(nn.Module):
    """Two numbers of an image, far apart from image to image."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2 * LATENT)
        with torch.no_grad():
            self.layer.weight.mul_(6)

    def forward(self, x: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(*self.layer(x.flatten(1)).chunk(2, dim=1))


def made(name: str) -> Prior:
    torch.manual_seed(4)
    if name == "standard":
        return StandardNormal(latent_dim=LATENT)
    if name == "vamp":
        return VampPrior(encoder=Encoder(), image_shape=(1, 2, 2), num_components=3)
    prior = GaussianMixture(latent_dim=LATENT, num_components=3)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.0, 1.0, -1.0]))
        prior.means.mul_(2)
        prior.log_vars.copy_(random(3, LATENT, seed=5))
    return prior


PRIORS = ("standard", "gaussian_mixture", "vamp")


def test_every_prior_of_the_configuration_is_in_these_tests() -> None:
    names = {path.stem for path in (compose.conf_folder() / "prior").glob("*.yaml")}
    assert set(PRIORS) == names


@pytest.mark.parametrize("name", PRIORS)
@torch.no_grad()
def test_a_prior_integrates_to_one(name: str) -> None:
    prior = made(name)
    axis = torch.linspace(-30, 30, 1201, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    density = prior.log_prob(points).exp() * 0.05**2
    assert density.sum().item() == pytest.approx(1, abs=1e-4)
    beyond = points.abs().amax(dim=1) > prior.reach()
    assert 0 < density[beyond].sum().item() < 1e-6


@pytest.mark.parametrize("name", PRIORS)
@torch.no_grad()
def test_draws_have_the_densitys_moments_and_quantiles(name: str) -> None:
    prior = made(name)
    axis = torch.linspace(-30, 30, 1201, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    weight = prior.log_prob(points).exp() * 0.05**2
    mean = (weight[:, None] * points).sum(dim=0)
    scale = (weight[:, None] * (points - mean).square()).sum(dim=0).sqrt()
    z = prior.sample(40_000, torch.Generator().manual_seed(1)).double()
    assert z.shape == (40_000, LATENT)
    assert ((z.mean(0) - mean).abs() < 5 * scale / 200).all()
    torch.testing.assert_close(z.std(0), scale, rtol=0.03, atol=0)
    # What the prior says of itself, from 10,000 draws or exactly.
    assert ((prior.mean() - mean).abs() < 5 * scale / 100).all()
    torch.testing.assert_close(prior.scale().double(), scale, rtol=0.05, atol=0)
    marginal = weight.view(1201, 1201).sum(dim=1).cumsum(dim=0)
    for probability in (0.1, 0.5, 0.9):
        at = prior.quantiles(torch.tensor([probability], dtype=torch.float64))
        assert at.shape == (1, LATENT)
        found = marginal[int((at[0, 0].item() + 30) / 0.05)].item()
        assert found == pytest.approx(probability, abs=0.03)


@pytest.mark.parametrize("name", PRIORS)
def test_the_same_generator_gives_the_same_draws_and_no_other_state_moves(name: str) -> None:
    prior = made(name)
    state = torch.get_rng_state()
    first, again = (prior.sample(9, torch.Generator().manual_seed(6)) for _ in range(2))
    assert torch.equal(first, again) and torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", PRIORS)
@torch.no_grad()
def test_the_kl_per_image_is_that_of_the_density(name: str) -> None:
    prior, posterior = (
        made(name),
        DiagonalGaussian(random(4, LATENT, seed=1), random(4, LATENT, seed=2)),
    )
    z = posterior.sample(random(40_000, 4, LATENT, seed=3))
    draws = posterior.log_prob(z) - prior.log_prob(z)
    error = draws.std(dim=0) / 200
    found = prior.kl_per_image(posterior, random(20_000, 4, LATENT, seed=8))
    assert ((found - draws.mean(dim=0)).abs() < 6 * error).all()
    assert prior.has_closed_kl == (name == "standard")


@pytest.mark.parametrize("name", ["gaussian_mixture", "vamp"])
def test_a_mixture_equals_torch_distributions(name: str) -> None:
    prior = made(name)
    assert isinstance(prior, Mixture)
    logits, each = prior.components()
    parts = Independent(Normal(each.mean, each.variance.sqrt()), 1)
    expected = MixtureSameFamily(Categorical(logits=logits), parts)
    z = random(2, 5, LATENT, seed=4)
    torch.testing.assert_close(prior.log_prob(z), expected.log_prob(z))


def test_the_vamp_prior_is_the_mean_of_the_encoders_posteriors_and_trains_its_images() -> None:
    prior = made("vamp")
    assert isinstance(prior, VampPrior) and prior.pseudo_inputs is not None
    assert [name for name, _ in prior.named_parameters()] == ["pseudo_inputs"]
    (encoder,) = prior._encoder
    z = random(7, LATENT, seed=5)
    posterior = encoder(prior.pseudo_inputs.sigmoid())
    expected = posterior.log_prob(z.unsqueeze(1)).logsumexp(dim=1) - math.log(3)
    torch.testing.assert_close(prior.log_prob(z), expected)
    torch.autograd.backward(prior.log_prob(z).sum())
    for parameter in (prior.pseudo_inputs, *encoder.parameters()):
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0


def test_the_kl_from_the_aggregate_posterior_is_that_of_its_moments() -> None:
    posterior = DiagonalGaussian(random(500, 3, seed=1) * 2 + 1, random(500, 3, seed=2))
    mean, variance = posterior.mean.double(), posterior.variance.double()
    moments = Normal(mean.mean(0), (mean.var(0, correction=0) + variance.mean(0)).sqrt())
    expected = torch.distributions.kl_divergence(Normal(mean, variance.sqrt()), moments)
    found = made("gaussian_mixture").kl(posterior)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)
    # A dimension that says nothing of the image has none, wherever the prior lies.
    silent = DiagonalGaussian(torch.full((9, 1), 5.0), torch.ones(9, 1))
    assert kl_to_aggregate(silent).abs().max() < 1e-6
