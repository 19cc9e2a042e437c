"""The families of q(z|x), against torch.distributions, and how a run chooses one."""

import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from linear_gaussian import random
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence
from user_networks import Encoder as OwnEncoder

from vae_lab.config.compose import conf_folder
from vae_lab.config.identity import config_hash
from vae_lab.errors import UserError
from vae_lab.evaluate.latent_space import distance_of_moments, information
from vae_lab.networks import LinearEncoder
from vae_lab.networks.base import make_encoder
from vae_lab.objectives.base import Draws
from vae_lab.objectives.beta_tc import total_correlation
from vae_lab.objectives.iwae import Iwae
from vae_lab.posteriors import (
    Diagonal,
    DiagonalGaussian,
    Full,
    FullGaussian,
    Posterior,
    joined,
    kl_to_aggregate,
    of_images,
)
from vae_lab.priors import StandardNormal, VampPrior

IMAGES, LATENT = 5, 4
STANDARD = MultivariateNormal(torch.zeros(LATENT), torch.eye(LATENT))


def full() -> FullGaussian:
    # What is on and above the diagonal must not count.
    lower = random(IMAGES, LATENT, LATENT, seed=2)
    return FullGaussian(random(IMAGES, LATENT, seed=0), random(IMAGES, LATENT, seed=1) / 2, lower)


def diagonal(seed: int = 0, images: int = IMAGES) -> DiagonalGaussian:
    return DiagonalGaussian(
        random(images, LATENT, seed=seed), random(images, LATENT, seed=seed + 1)
    )


def exact(posterior: Posterior) -> MultivariateNormal:
    return MultivariateNormal(posterior.mean, posterior.covariance)


MADE: list[Callable[[], Posterior]] = [diagonal, full]


@pytest.mark.parametrize("made", MADE)
def test_the_density_is_that_of_torch(made: Callable[[], Posterior]) -> None:
    posterior, z = made(), random(3, 7, IMAGES, LATENT, seed=9)
    torch.testing.assert_close(posterior.log_prob(z), exact(posterior).log_prob(z))
    # Of one point per image, and of one point for all of them.
    torch.testing.assert_close(posterior.log_prob(z[0, 0]), exact(posterior).log_prob(z[0, 0]))
    point = z[0, 0, :1]
    torch.testing.assert_close(posterior.log_prob(point), exact(posterior).log_prob(point))
    torch.testing.assert_close(
        posterior.variance, posterior.covariance.diagonal(dim1=1, dim2=2), rtol=1e-5, atol=1e-5
    )
    each = posterior.marginals().log_prob_per_dimension(z)
    torch.testing.assert_close(each, Normal(posterior.mean, posterior.variance.sqrt()).log_prob(z))


@pytest.mark.parametrize("made", MADE)
def test_draws_have_the_moments_and_know_their_density(made: Callable[[], Posterior]) -> None:
    posterior, noise = made().map(Tensor.double), random(200_000, IMAGES, LATENT, seed=4).double()
    z = posterior.sample(noise)
    torch.testing.assert_close(z.mean(dim=0), posterior.mean, rtol=0, atol=0.05)
    for image in range(IMAGES):
        scale = posterior.variance[image].sqrt()
        found = torch.cov(z[:, image].T) / scale.outer(scale)
        expected = posterior.covariance[image] / scale.outer(scale)
        torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    few = noise[:10]
    torch.testing.assert_close(
        posterior.log_prob_of_draw(few), posterior.log_prob(posterior.sample(few))
    )


@pytest.mark.parametrize("made", MADE)
def test_the_slope_is_the_gradient_of_the_density(made: Callable[[], Posterior]) -> None:
    posterior, noise = made().map(Tensor.double), random(6, IMAGES, LATENT, seed=4).double()
    z = posterior.sample(noise).requires_grad_()
    (expected,) = torch.autograd.grad(posterior.log_prob(z).sum(), z)
    torch.testing.assert_close(posterior.slope_of_draw(noise), expected)


@pytest.mark.parametrize("made", MADE)
def test_the_kl_of_the_dimensions_adds_up_to_that_of_torch(made: Callable[[], Posterior]) -> None:
    posterior = made()
    found = posterior.kl_to_standard_normal()
    torch.testing.assert_close(found.sum(dim=1), kl_divergence(exact(posterior), STANDARD))
    assert found.min() >= 0


def test_the_kl_of_a_dimension_is_that_given_those_before_it() -> None:
    """KL(q(z1) || p) of the first, and E KL(q(z2|z1) || p) of the second, by draws of z1."""
    posterior = full().map(Tensor.double)
    found = posterior.kl_to_standard_normal()
    first = Normal(posterior.mean[:, 0], posterior.variance[:, 0].sqrt())
    standard = Normal(torch.zeros(()).double(), torch.ones(()).double())
    torch.testing.assert_close(found[:, 0], kl_divergence(first, standard))
    covariance = posterior.covariance
    slope = covariance[:, 1, 0] / covariance[:, 0, 0]
    z = posterior.mean[:, 0] + first.scale * random(400_000, 1, seed=8).double()
    mean = posterior.mean[:, 1] + slope * (z - posterior.mean[:, 0])
    scale = (covariance[:, 1, 1] - slope * covariance[:, 1, 0]).sqrt()
    expected = kl_divergence(Normal(mean, scale), standard).mean(dim=0)
    torch.testing.assert_close(found[:, 1], expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("made", MADE)
def test_the_aggregate_is_the_normal_of_the_moments(made: Callable[[], Posterior]) -> None:
    """A scale of each dimension changes no KL from the normal that is scaled along."""
    posterior = made()
    centre = posterior.mean.mean(dim=0)
    variance = (posterior.mean - centre).square().mean(dim=0) + posterior.variance.mean(dim=0)
    moments = MultivariateNormal(centre, variance.diag())
    expected = kl_divergence(exact(posterior), moments)
    torch.testing.assert_close(kl_to_aggregate(posterior).sum(dim=1), expected)


def test_a_full_covariance_without_entries_below_is_the_diagonal() -> None:
    outputs = random(IMAGES, 2 * LATENT, seed=5)
    narrow = Diagonal(latent_dim=LATENT)(outputs)
    wide = Full(latent_dim=LATENT)
    q = wide(torch.cat([outputs, torch.zeros(IMAGES, wide.num_outputs - 2 * LATENT)], dim=1))
    noise = random(3, IMAGES, LATENT, seed=6)
    torch.testing.assert_close(q.sample(noise), narrow.sample(noise))
    torch.testing.assert_close(q.kl_to_standard_normal(), narrow.kl_to_standard_normal())
    torch.testing.assert_close(q.covariance, narrow.covariance)


def test_the_outputs_fill_the_rows_below_the_diagonal() -> None:
    family = Full(latent_dim=3)
    assert family.num_outputs == 9 and Full(latent_dim=1).num_outputs == 2
    q = family(torch.arange(9.0).unsqueeze(0))
    assert q.mean.tolist() == [[0, 1, 2]] and q.log_scale.tolist() == [[1.5, 2, 2.5]]
    assert q.lower.tolist() == [[[0, 0, 0], [6, 0, 0], [7, 8, 0]]]


@pytest.mark.parametrize("made", MADE)
def test_parts_can_be_taken_out_and_joined(made: Callable[[], Posterior]) -> None:
    posterior = made()
    parts = [of_images(posterior, slice(0, 2)), of_images(posterior, torch.tensor([2, 3, 4]))]
    for field, expected in zip(joined(parts), posterior, strict=True):
        assert torch.equal(field, expected)
    assert type(joined(parts)) is type(posterior)


def test_the_doubly_reparameterised_gradient_is_that_of_the_bound() -> None:
    """In the mean over many draws; the plain estimator's is the derivative of the bound itself."""
    noise = random(8, 20_000, 2, seed=3)

    def gradient(doubly: bool) -> Tensor:
        fields = [
            torch.tensor([[0.5, -0.2]]),
            torch.tensor([[-0.4, 0.1]]),
            torch.tensor([[[0.0, 0.0], [0.7, 0.0]]]),
        ]
        leaves = [field.requires_grad_() for field in fields]
        q = FullGaussian(*leaves).map(lambda f: f.expand(20_000, *f.shape[1:]))
        z = q.sample(noise)
        log_likelihood = -2 * (z - torch.tensor([1.0, 0.3])).square().sum(dim=2)
        draws = Draws(q, noise, z, log_likelihood, torch.Generator())
        objective = Iwae(num_samples=8, doubly_reparameterised=doubly)
        loss, _ = objective(draws, StandardNormal(latent_dim=2))
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, leaves)])

    torch.testing.assert_close(gradient(True), gradient(False), rtol=0.1, atol=0.02)
    assert gradient(False).abs().max() > 0.1


def test_the_total_correlation_sees_a_correlation_within_the_posterior() -> None:
    """One posterior for all images: q(z) is that Gaussian, whose total correlation is known."""
    lower = torch.tensor([[[0.0, 0.0], [1.5, 0.0]]]).expand(400, 2, 2)
    q = FullGaussian(torch.zeros(400, 2), torch.zeros(400, 2), lower)
    covariance = q.covariance[0]
    exact_value = 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance)).item()
    z = q.sample(random(400, 2, seed=1))
    assert total_correlation(q, z, 400).item() == pytest.approx(exact_value, abs=0.08)
    assert exact_value > 0.5
    assert abs(total_correlation(q.marginals(), z, 400).item()) < 1e-4


def test_information_and_moments_take_the_whole_covariance() -> None:
    lower = torch.tensor([[0.0, 0.0], [0.9, 0.0]]).double()
    q = FullGaussian(random(300, 2, seed=1), torch.full((300, 2), -0.7), lower.expand(300, 2, 2))
    # A rotation that is the same for all images changes neither a distance nor an information.
    values, axes = torch.linalg.eigh(q.covariance[0].double())
    turned = DiagonalGaussian(q.mean.double() @ axes, values.log().expand(300, 2))
    found, expected = distance_of_moments(q), distance_of_moments(turned)
    assert found == pytest.approx(expected, rel=1e-5)
    kl = q.kl_to_standard_normal().sum(dim=1).double()
    # By other draws: within the errors of both.
    one, other = (information(it, kl, seed=0).upper for it in (q, turned))
    errors = [estimate.standard_error or math.inf for estimate in (one, other)]
    assert one.value == pytest.approx(other.value, abs=4 * math.hypot(*errors))


def test_a_vamp_prior_has_components_of_the_family() -> None:
    torch.manual_seed(0)
    encoder = LinearEncoder(image_shape=(1, 4, 4), hidden_dims=[8], posterior=Full(latent_dim=3))
    prior = VampPrior(encoder=encoder, image_shape=(1, 4, 4), num_components=6)
    with torch.no_grad():
        _, each = prior.components()
        z = random(7, 3, seed=2)
        expected = torch.distributions.MixtureSameFamily(
            torch.distributions.Categorical(torch.ones(6)), exact(each)
        ).log_prob(z)
        torch.testing.assert_close(prior.log_prob(z), expected)
        drawn = prior.sample(100_000, torch.Generator().manual_seed(1))
    torch.testing.assert_close(drawn.mean(dim=0), each.mean.mean(dim=0), rtol=0, atol=0.02)
    assert isinstance(each, FullGaussian) and each.lower.abs().max() > 0.01


CONFIG: dict[str, Any] = {
    "latent_dim": 3,
    "model": {
        "encoder": {"_target_": "vae_lab.networks.LinearEncoder", "hidden_dims": [4]},
    },
}


def chosen(option: str | None, encoder: dict[str, Any] | None = None) -> nn.Module:
    family = {"posterior": {"_target_": f"vae_lab.posteriors.{option}"}} if option else {}
    of_model = {"model": {"encoder": encoder}} if encoder else {}
    return cast(nn.Module, make_encoder(CONFIG | family | of_model, (1, 4, 4), trust=True))


def test_a_run_chooses_the_family_of_its_encoder() -> None:
    for option, expected in ((None, Diagonal), ("Diagonal", Diagonal), ("Full", Full)):
        encoder = chosen(option)
        assert type(encoder.posterior) is expected
        assert encoder(torch.rand(2, 1, 4, 4)).mean.shape == (2, 3)
    assert {path.stem for path in (conf_folder() / "posterior").glob("*.yaml")} == {
        "diagonal",
        "full",
    }


def test_an_own_encoder_that_passes_all_on_gets_the_family() -> None:
    node = {"_target_": "user_networks.PassesOn", "hidden_dims": [4]}
    assert type(chosen("Full", node).posterior) is Full


def test_an_encoder_that_makes_its_posterior_itself_refuses_another_family() -> None:
    node = {"_target_": "user_networks.Encoder", "width": 4}
    assert isinstance(chosen("Diagonal", node), OwnEncoder)
    with pytest.raises(UserError, match="give Encoder an argument posterior"):
        chosen("Full", node)


def test_the_diagonal_family_changes_no_hash_of_earlier_runs() -> None:
    before = {"seed": 0, "latent_dim": 2}
    diagonal, full = (
        before | {"posterior": {"_target_": f"vae_lab.posteriors.{name}"}}
        for name in ("Diagonal", "Full")
    )
    assert config_hash(diagonal) == config_hash(before) != config_hash(full)


def test_a_family_has_no_weights_of_its_own() -> None:
    """The names of an encoder's weights stay those of earlier checkpoints."""
    for family in (Diagonal(latent_dim=3), Full(latent_dim=3)):
        assert not family.state_dict()
