"""Completion: draws of p(missing|seen), compared with a linear Gaussian model in closed form."""

import math

import pytest
import torch
from linear_gaussian import PIXELS, SCALE, Affine, exact_precision, linear_gaussian, random
from torch import Tensor
from torch.distributions import MultivariateNormal

from vae_lab.inference.completion import proposals, weighted_points
from vae_lab.inference.completion.completions import FEW, Completion, complete
from vae_lab.inference.completion.seen_pixels import of_seen_pixels
from vae_lab.inference.completion.weighted_points import (
    WeightedPoints,
    by_importance,
    by_lattice,
    effective,
)
from vae_lab.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    Likelihood,
)
from vae_lab.vae import VAE

# Points of an estimate, and what its errors stay below: four standard errors or more, and less than
# what a mistake in the weights causes.
POINTS, TOLERANCE = 60_000, 0.02

SEEN = torch.tensor([True, False, True, False, False, True])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def image() -> Tensor:
    return random(1, 1, PIXELS, seed=7) * 1.5


def exact(model: VAE) -> tuple[Tensor, Tensor, float]:
    """Returns mean and covariance of p(z|x_seen), and log p(x_seen)."""
    assert isinstance(model.decoder, Affine)
    weight, bias = model.decoder.weight.double()[SEEN], model.decoder.bias.double()[SEEN]
    covariance = torch.linalg.inv(exact_precision(weight))
    x = image().flatten().double()[SEEN]
    mean = covariance @ weight.T @ (x - bias) / SCALE**2
    marginal = weight @ weight.T + SCALE**2 * torch.eye(len(x))
    return mean, covariance, MultivariateNormal(bias, marginal).log_prob(x).item()


def moments(points: WeightedPoints) -> tuple[Tensor, Tensor]:
    weights = points.log_weights.softmax(dim=0)
    mean = weights @ points.z
    centred = points.z - mean
    return mean, (weights[:, None] * centred).T @ centred


@pytest.fixture(params=[(0.0, 0.0), (0.8, 0.5)], ids=["exact encoder", "encoder that is off"])
def model(request: pytest.FixtureRequest) -> VAE:
    correlation, shift = request.param
    return linear_gaussian(latent_dim=3, posterior_shift=shift, correlation=correlation)[0]


def by_weights(model: VAE) -> WeightedPoints:
    seen = SEEN.view(1, 1, PIXELS)
    return by_importance(model, image(), seen, num_points=POINTS, generator=generator())


def test_weighted_points_have_the_moments_of_the_true_posterior_given_what_is_seen(
    model: VAE,
) -> None:
    points = by_weights(model)
    mean, covariance, log_likelihood = exact(model)
    got_mean, got_covariance = moments(points)
    torch.testing.assert_close(got_mean, mean, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(got_covariance, covariance, atol=TOLERANCE, rtol=0)
    assert points.log_likelihood == pytest.approx(log_likelihood, abs=TOLERANCE)
    assert points.effective_points() > 0.3 * POINTS


@pytest.mark.parametrize("forgotten", ["the prior in the weights", "the prior's share"])
def test_a_mistake_in_the_weights_would_be_found(
    model: VAE, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    if forgotten == "the prior in the weights":
        joint = weighted_points._log_joint
        monkeypatch.setattr(
            weighted_points,
            "_log_joint",
            lambda of_seen, x, z: joint(of_seen, x, z) - of_seen.prior.log_prob(z.double()),
        )
    else:
        monkeypatch.setattr(proposals, "log_prior", lambda of_seen, z: z.sum(dim=1) - math.inf)
    points = by_weights(model)
    mean, covariance, log_likelihood = exact(model)
    got_mean, got_covariance = moments(points)
    errors = [
        (got_mean - mean).abs().max().item(),
        (got_covariance - covariance).abs().max().item(),
        abs(points.log_likelihood - log_likelihood),
    ]
    assert max(errors) > 1.3 * TOLERANCE


def test_the_lattice_has_the_moments_of_the_true_posterior_given_what_is_seen() -> None:
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.5, correlation=0.8)
    points = by_lattice(model, image(), SEEN.view(1, 1, PIXELS), generator())
    mean, covariance, log_likelihood = exact(model)
    got_mean, got_covariance = moments(points)
    torch.testing.assert_close(got_mean, mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(got_covariance, covariance, atol=1e-4, rtol=0)
    assert points.log_likelihood == pytest.approx(log_likelihood, abs=1e-4)
    # Draws are spread over their cells: a variance too large by a twelfth of the squared side.
    spread = points.resampled(100_000, generator())
    torch.testing.assert_close(torch.cov(spread.T), covariance, atol=0.02, rtol=0)
    assert points.spacing**2 / 12 < 0.015 * covariance.diagonal().min()


def test_importance_weights_agree_with_the_lattice_on_a_model_that_is_not_gaussian() -> None:
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.3, correlation=0.5)
    model.likelihood = Bernoulli()
    seen, x = SEEN.view(1, 1, PIXELS), image().sigmoid().round()
    lattice = by_lattice(model, x, seen, generator())
    points = by_importance(model, x, seen, num_points=20_000, generator=generator())
    torch.testing.assert_close(moments(points)[0], moments(lattice)[0], atol=0.04, rtol=0)
    torch.testing.assert_close(moments(points)[1], moments(lattice)[1], atol=0.06, rtol=0)
    assert points.log_likelihood == pytest.approx(lattice.log_likelihood, abs=0.03)


@pytest.mark.parametrize("latent_dim", [2, 3])
def test_completed_pixels_have_the_exact_conditional_moments_and_seen_ones_stay(
    latent_dim: int,
) -> None:
    model, joint = linear_gaussian(latent_dim=latent_dim, posterior_shift=0.0)
    missing = ~SEEN.view(1, 1, PIXELS)
    made = complete(model, image(), missing, num_images=4000, generator=generator())
    assert made.images.shape == (4000, 1, 1, PIXELS)
    assert torch.equal(made.images[..., SEEN], image()[..., SEEN].expand(4000, -1, -1, -1))
    # E[x_missing|x_seen] by the formula of Gaussians, from p(x) of the whole image.
    whole, bias = joint.covariance_matrix, joint.mean
    gain = whole[~SEEN][:, SEEN] @ torch.linalg.inv(whole[SEEN][:, SEEN])
    expected = bias[~SEEN] + gain @ (image().flatten().double()[SEEN] - bias[SEEN])
    got = made.images.flatten(1)[:, ~SEEN].double()
    torch.testing.assert_close(got.mean(dim=0), expected, atol=0.08, rtol=0)
    conditional = whole[~SEEN][:, ~SEEN] - gain @ whole[SEEN][:, ~SEEN]
    of_means = conditional - SCALE**2 * torch.eye(3)  # E[x|z] varies without the pixels' noise
    torch.testing.assert_close(torch.cov(got.T), of_means, atol=0.15, rtol=0)
    assert (made.effective_points is None) == (latent_dim == 2)


def test_what_a_missing_pixel_holds_has_no_effect() -> None:
    model, _ = linear_gaussian(latent_dim=3, posterior_shift=0.0)
    missing = ~SEEN.view(1, 1, PIXELS)
    other = torch.where(missing, 0.5, image())
    first, second = (
        complete(model, x, missing, num_images=3, generator=generator()) for x in (image(), other)
    )
    assert torch.equal(first.images, second.images)
    assert first.log_likelihood == second.log_likelihood


def test_without_a_seen_pixel_the_completions_are_draws_of_the_prior() -> None:
    model, _ = linear_gaussian(latent_dim=3, posterior_shift=0.0)
    nothing = torch.zeros(1, 1, PIXELS, dtype=torch.bool)
    points = by_importance(model, image(), nothing, num_points=20_000, generator=generator())
    mean, covariance = moments(points)
    torch.testing.assert_close(mean, torch.zeros(3).double(), atol=0.05, rtol=0)
    torch.testing.assert_close(covariance, torch.eye(3).double(), atol=0.06, rtol=0)
    assert points.log_likelihood == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    "likelihood",
    [
        Bernoulli(),
        ContinuousBernoulli(),
        Gaussian(scale=0.3, learn_scale=True),
        Laplace(scale=0.3, learn_scale=True),
        DiscretizedLogistic(scale=0.1, learn_scale=True),
    ],
    ids=lambda it: type(it).__name__,
)
def test_seen_and_missing_pixels_have_the_likelihood_of_the_image_together(
    likelihood: Likelihood,
) -> None:
    model, _ = linear_gaussian(latent_dim=3, posterior_shift=0.0)
    model.likelihood = likelihood
    x = (image().sigmoid() * 255).round() / 255
    x[0, 0, :2] = torch.tensor([0.0, 1.0])
    z = random(8, 3, seed=3)
    whole = likelihood.log_prob(model.decoder(z)[:, None], x[None])
    parts = []
    for mask in (SEEN, ~SEEN):
        of_part = of_seen_pixels(model, mask.view(1, 1, PIXELS))
        pixels = x[..., mask].view(1, 1, 1, -1)
        outputs = of_part.decoder(z)
        parts.append(likelihood.log_prob(outputs[:, None], pixels))
        pairs = likelihood.log_prob_of_pairs(outputs, pixels)
        torch.testing.assert_close(pairs, parts[-1])
    torch.testing.assert_close(parts[0] + parts[1], whole)


def test_a_likelihood_that_does_not_say_that_its_pixels_are_independent_is_refused() -> None:
    class Own(Bernoulli):
        pixels_are_alike = False

    model, _ = linear_gaussian(latent_dim=3, posterior_shift=0.0)
    model.likelihood = Own()
    with pytest.raises(ValueError, match="Own does not say that its pixels are independent"):
        of_seen_pixels(model, SEEN.view(1, 1, PIXELS))


def test_few_effective_points_are_a_warning() -> None:
    log_weights = torch.tensor([0.0, 0.0, -50.0]).double()
    assert effective(log_weights) == pytest.approx(2)
    x = torch.zeros(1, 1, 2, 2)
    few, many, lattice = (
        Completion(x, x, 0.0, points, 2000) for points in (FEW - 1.0, FEW + 0.0, None)
    )
    assert few.warning is not None and f"worth {FEW - 1} equal ones" in few.warning
    assert many.warning is lattice.warning is None
