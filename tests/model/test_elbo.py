"""The bound and its parts against torch.distributions, closed forms and finite differences."""

import math

import pytest
import torch
from linear_gaussian import PIXELS, PRECISION, linear_gaussian, log_likelihood, random
from torch import Tensor
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Normal, kl_divergence

from vae_lab.likelihoods import Bernoulli
from vae_lab.objectives.base import Draws, Terms
from vae_lab.objectives.elbo import Elbo
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.priors import StandardNormal
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

BATCH, LATENT = 5, 3


@pytest.fixture
def posterior() -> DiagonalGaussian:
    return DiagonalGaussian(random(BATCH, LATENT, seed=1), random(BATCH, LATENT, seed=2))


def as_normal(posterior: DiagonalGaussian) -> Normal:
    return Normal(posterior.mean, torch.exp(0.5 * posterior.log_var))


def drawn(posterior: DiagonalGaussian, noise: Tensor, log_likelihood: Tensor) -> Draws:
    return Draws(posterior, noise, posterior.sample(noise), log_likelihood, stream("test"))


def test_kl_equals_torch_distributions_and_is_positive(posterior: DiagonalGaussian) -> None:
    expected = kl_divergence(as_normal(posterior), Normal(0.0, 1.0))
    torch.testing.assert_close(StandardNormal(latent_dim=LATENT).kl(posterior), expected)
    assert (expected > 0).all()


def test_kl_of_the_prior_itself_is_zero_and_keeps_its_precision_near_it() -> None:
    tiny = DiagonalGaussian(torch.zeros(1, 1), torch.full((1, 1), 1e-3))
    # (e^v - 1 - v) / 2 = v^2 / 4 + v^3 / 12 for small v.
    assert tiny.kl_to_standard_normal().item() == pytest.approx(2.50083e-7, rel=1e-3)
    assert (
        DiagonalGaussian(torch.zeros(1, 1), torch.zeros(1, 1)).kl_to_standard_normal().item() == 0
    )


def test_kl_agrees_with_its_monte_carlo_estimate(posterior: DiagonalGaussian) -> None:
    z = posterior.sample(random(40_000, BATCH, LATENT, seed=3))
    prior = StandardNormal(latent_dim=LATENT)
    draws = posterior.log_prob(z) - prior.log_prob(z)
    error = draws.std(dim=0) / math.sqrt(len(draws))
    exact = prior.kl(posterior).sum(dim=1)
    assert ((draws.mean(dim=0) - exact).abs() < 4 * error).all()


def test_log_probabilities_of_posterior_and_prior_equal_torch_distributions(
    posterior: DiagonalGaussian,
) -> None:
    z = random(2, BATCH, LATENT, seed=4)
    torch.testing.assert_close(posterior.log_prob(z), as_normal(posterior).log_prob(z).sum(-1))
    expected = Normal(0.0, 1.0).log_prob(z).sum(-1)
    torch.testing.assert_close(StandardNormal(latent_dim=LATENT).log_prob(z), expected)


def test_samples_have_the_posteriors_mean_and_variance(posterior: DiagonalGaussian) -> None:
    z = posterior.sample(random(40_000, BATCH, LATENT, seed=5))
    scale = torch.exp(0.5 * posterior.log_var)
    assert ((z.mean(0) - posterior.mean).abs() < 5 * scale / 200).all()
    torch.testing.assert_close(z.std(0), scale, rtol=0.03, atol=0)


@pytest.mark.parametrize("targets", ["binary", "grey"])
def test_bernoulli_equals_torch_distributions_summed_over_pixels(targets: str) -> None:
    logits = random(2, BATCH, 1, 4, 4, seed=6)
    x = torch.rand(BATCH, 1, 4, 4, generator=torch.Generator().manual_seed(7))
    x = x.round() if targets == "binary" else x
    # On grey targets: the expectation of the binary log-probability.
    coin = TorchBernoulli(logits=logits)
    ones, zeros = coin.log_prob(torch.ones(())), coin.log_prob(torch.zeros(()))
    expected = (x * ones + (1 - x) * zeros).sum(dim=(2, 3, 4))
    result = Bernoulli().log_prob(logits, x)
    assert result.shape == (2, BATCH)
    torch.testing.assert_close(result, expected)


def test_bernoulli_sums_to_one_over_all_binary_images() -> None:
    logits = random(1, 1, 1, 1, 3, seed=8)
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3).view(8, 1, 1, 3)
    total = Bernoulli().log_prob(logits.expand(1, 8, 1, 1, 3), every).logsumexp(dim=1)
    assert total.item() == pytest.approx(0.0, abs=1e-6)


def test_bernoulli_is_exact_at_extreme_logits() -> None:
    logits = torch.tensor([200.0, -200.0]).view(1, 1, 1, 1, 2)
    right = Bernoulli().log_prob(logits, torch.tensor([1.0, 0.0]).view(1, 1, 1, 2))
    wrong = Bernoulli().log_prob(logits, torch.tensor([0.0, 1.0]).view(1, 1, 1, 2))
    assert right.item() == 0.0
    assert wrong.item() == -400.0


def test_elbo_weighs_the_kl_in_the_loss_alone(posterior: DiagonalGaussian) -> None:
    log_likelihood = random(4, BATCH, seed=11)
    draws = drawn(posterior, random(4, BATCH, LATENT), log_likelihood)
    prior = StandardNormal(latent_dim=LATENT)
    loss, terms = Elbo(beta=3.0, num_samples=4)(draws, prior)
    kl = prior.kl(posterior).sum(dim=1)
    torch.testing.assert_close(terms.log_likelihood, log_likelihood.mean(dim=0))
    torch.testing.assert_close(terms.elbo(), log_likelihood.mean(dim=0) - kl)
    torch.testing.assert_close(loss, (3 * kl - log_likelihood.mean(dim=0)).mean())
    assert Elbo(beta=1.0, num_samples=4)(draws, prior)[0].item() == pytest.approx(
        -terms.elbo().mean().item(), rel=1e-6
    )


@pytest.mark.parametrize("sizes", [(2, 2, 1), (5,), (1, 1, 1, 1, 1)])
def test_the_loss_of_a_batch_is_the_mean_over_its_images(
    posterior: DiagonalGaussian, sizes: tuple[int, ...]
) -> None:
    """Beta = 1 is the bound at any batch size: the parts' losses, by size, are the whole's."""
    log_likelihood, noise = random(1, BATCH, seed=12), random(1, BATCH, LATENT)
    objective, prior = Elbo(beta=1.0, num_samples=1), StandardNormal(latent_dim=LATENT)

    def loss(rows: slice) -> Tensor:
        part = DiagonalGaussian(posterior.mean[rows], posterior.log_var[rows])
        draws = drawn(part, noise[:, rows], log_likelihood[:, rows])
        return objective(draws, prior)[0]

    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    parts = [loss(slice(s, s + n)) * n for s, n in zip(starts, sizes, strict=True)]
    whole = loss(slice(None))
    torch.testing.assert_close(torch.stack(parts).sum() / BATCH, whole)


def linear_gaussian_model(posterior_shift: float = 0.0) -> tuple[VAE, Tensor, Tensor]:
    """Returns the model of `linear_gaussian`, images, and their exact log p(x)."""
    model, exact = linear_gaussian(latent_dim=LATENT, posterior_shift=posterior_shift)
    x = random(BATCH, PIXELS, seed=21, dtype=torch.float64)
    return model, x.float().view(BATCH, 1, 1, PIXELS), log_likelihood(exact, x)


def test_the_bound_is_tight_where_the_posterior_is_exact() -> None:
    model, x, exact = linear_gaussian_model()
    _, terms = model.score(x, random(4000, BATCH, LATENT, seed=22))
    torch.testing.assert_close(terms.elbo().double(), exact, rtol=0, atol=0.1)


def test_the_bound_lies_below_the_log_likelihood_by_the_kl_to_the_exact_posterior() -> None:
    model, x, exact = linear_gaussian_model(posterior_shift=0.3)
    _, terms = model.score(x, random(4000, BATCH, LATENT, seed=23))
    gap = 0.5 * LATENT * 0.3**2 * PRECISION  # KL of two Gaussians that differ in mean alone
    assert (terms.elbo() < exact).all()
    torch.testing.assert_close(exact - terms.elbo(), torch.full((BATCH,), gap).double(),
                               rtol=0, atol=0.15)  # fmt: skip


def test_gradients_equal_finite_differences_in_double_precision() -> None:
    x = torch.rand(BATCH, 1, 2, 2, generator=torch.Generator().manual_seed(24)).double()
    noise = random(2, BATCH, LATENT, seed=25, dtype=torch.float64)
    decoder_weight = random(4, LATENT, seed=26, dtype=torch.float64)
    objective, prior = Elbo(beta=0.7, num_samples=2), StandardNormal(latent_dim=LATENT)

    def loss(mean: Tensor, log_var: Tensor, weight: Tensor) -> Tensor:
        posterior = DiagonalGaussian(mean, log_var)
        z = posterior.sample(noise)
        outputs = (z @ weight.T).view(2, BATCH, 1, 2, 2)
        return objective(drawn(posterior, noise, Bernoulli().log_prob(outputs, x)), prior)[0]

    inputs = [random(BATCH, LATENT, seed=s, dtype=torch.float64) for s in (27, 28)]
    leaves = [value.requires_grad_() for value in (*inputs, decoder_weight)]
    assert torch.autograd.gradcheck(loss, leaves)


def test_terms_of_one_image_keep_their_signs() -> None:
    terms = Terms(torch.tensor([-80.0]), torch.tensor([20.0]))
    assert terms.elbo().item() == -100.0
