"""The true posterior on a lattice: against closed forms, however narrow, wherever its modes lie."""

import math
from typing import Any

import pytest
import torch
from linear_gaussian import GAIN, PIXELS, PRECISION, SCALE, linear_gaussian, log_likelihood, random
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from vae_lab.inference.density import ENOUGH, bound, log_density, masses
from vae_lab.likelihoods import Gaussian
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.vae import VAE


def correlated(*, scale: float) -> tuple[VAE, Tensor, MultivariateNormal, MultivariateNormal]:
    """Returns a linear Gaussian model, three of its images, and their exact p(x) and p(z|x)."""
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.0)
    model.likelihood = Gaussian(scale=scale, learn_scale=False)
    weight, bias = random(PIXELS, 2, seed=1).double(), random(PIXELS, seed=20).double()
    model.decoder.weight.data = weight.float()
    covariance = weight @ weight.T + scale**2 * torch.eye(PIXELS)
    z = torch.tensor([[0.3, -0.4], [2.5, 1.0], [-3.0, 2.0]]).double()
    x = z @ weight.T + bias + scale * random(3, PIXELS, seed=2).double()
    precision = torch.eye(2) + weight.T @ weight / scale**2
    mean = torch.linalg.solve(precision, weight.T @ (x - bias).T / scale**2).T
    posterior = MultivariateNormal(mean, precision_matrix=precision.expand(3, 2, 2))
    return model, x.float().view(3, 1, 1, PIXELS), MultivariateNormal(bias, covariance), posterior


def shifted(posterior: MultivariateNormal, by: float) -> DiagonalGaussian:
    """Returns a q whose means lie `by` away from those of the exact posterior."""
    mean = posterior.mean.float() + by
    return DiagonalGaussian(mean, torch.full_like(mean, -2.0))


@pytest.mark.parametrize("scale", [0.005, 0.1, 0.5, 3.0])
@pytest.mark.parametrize("by", [0.0, 2.0])
def test_the_sum_over_the_lattice_is_log_p_of_x(scale: float, by: float) -> None:
    model, x, exact, posterior = correlated(scale=scale)
    found = masses(model, x, shifted(posterior, by))
    log_p = torch.tensor([mass.log_likelihood for mass in found]).double()
    # The decoder and the likelihood compute in single precision.
    rounding = 2e-4 if scale > 0.01 else 0.05
    torch.testing.assert_close(log_p, log_likelihood(exact, x), atol=rounding, rtol=0)
    for mass in found:
        total = mass.log_density.exp().sum() * mass.spacing**2
        assert total.item() == pytest.approx(1, abs=1e-9)
        assert len(mass.points) <= 48**2, "no more than the coarse lattice has"
        assert int((mass.log_density > mass.log_density.max() - 12).sum()) >= ENOUGH


@pytest.mark.parametrize("scale", [0.1, 0.5])
def test_the_density_in_a_window_is_the_exact_one(scale: float) -> None:
    model, x, _, posterior = correlated(scale=scale)
    for k, mass in enumerate(masses(model, x, shifted(posterior, 0.1))):
        low, high = mass.box(0.999)
        edges = torch.stack([low, high], dim=1).tolist()
        values = log_density(model, x[k], mass, edges, steps=30)
        cells = (torch.arange(30).double()[:, None] + 0.5) * (high - low) / 30
        for row, column in ((3, 20), (15, 15), (28, 1)):  # rows upwards, columns to the right
            z = low + torch.stack([cells[column, 0], cells[row, 1]])
            expected = posterior.log_prob(z)[k].item()
            assert values[row, column].item() == pytest.approx(expected, abs=1e-3 / scale)
        in_window = (values.exp().sum() * (high - low).prod() / 900).item()
        assert 0.998 < in_window < 1.001


def test_the_box_holds_the_densest_share() -> None:
    model, x, _, posterior = correlated(scale=0.5)
    (mass, *_) = masses(model, x, shifted(posterior, 0.0))
    for share in (0.5, 0.95):
        # Of a Gaussian the densest share is an ellipse of this many standard deviations.
        radius = math.sqrt(-2 * math.log(1 - share))
        low, high = mass.box(share)
        half = radius * posterior.covariance_matrix[0].diagonal().sqrt()
        within = 1.6 * mass.spacing
        assert (low - (posterior.mean[0] - half)).abs().max() < within
        assert (high - (posterior.mean[0] + half)).abs().max() < within


class Folded(nn.Module):
    """Decodes z as (z[0]^2, z[1]): two points give the same image."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.stack([z[:, 0].square(), z[:, 1]], dim=1).view(-1, 1, 1, 2)


@pytest.mark.parametrize("scale", [0.02, 0.3])
def test_both_modes_are_found_though_the_code_lies_at_one(scale: float) -> None:
    model: Any = linear_gaussian(latent_dim=2, posterior_shift=0.0)[0]
    model.decoder, model.likelihood = Folded(), Gaussian(scale=scale, learn_scale=False)
    code = DiagonalGaussian(torch.tensor([[1.5, 0.5]]), torch.full((1, 2), -4.0))
    (mass,) = masses(model, torch.tensor([2.25, 0.5]).view(1, 1, 1, 2), code)
    right = mass.points[:, 0] > 0
    share = (mass.log_density[right].exp().sum() * mass.spacing**2).item()
    assert share == pytest.approx(0.5, abs=0.01)
    low, high = mass.box(0.98)
    assert low[0] < -1.5 and high[0] > 1.5


class Needle(nn.Module):
    """Decodes points as 0 near (2.1, 1.3), and as nearly the same everywhere else."""

    def forward(self, z: Tensor) -> Tensor:
        return 5 * torch.tanh(100 * (z - torch.tensor([2.1, 1.3]))).view(-1, 1, 1, 2)


def test_a_mode_that_lies_between_the_points_of_the_coarse_lattice_is_found_by_the_code() -> None:
    model: Any = linear_gaussian(latent_dim=2, posterior_shift=0.0)[0]
    model.decoder, model.likelihood = Needle(), Gaussian(scale=0.5, learn_scale=False)
    code = DiagonalGaussian(torch.tensor([[2.09, 1.31]]), torch.full((1, 2), -9.0))
    (mass,) = masses(model, torch.zeros(1, 1, 1, 2), code)
    low, high = mass.box(0.98)
    assert low.tolist() == pytest.approx([2.1, 1.3], abs=0.01)
    assert high.tolist() == pytest.approx([2.1, 1.3], abs=0.01)


def test_the_bound_without_draws_is_the_closed_form() -> None:
    shift = 0.3
    model, exact = linear_gaussian(latent_dim=2, posterior_shift=shift)
    x = GAIN * random(4, 1, 1, PIXELS, seed=5)
    with torch.no_grad():
        q = model.encode(x)
    # log p(x) less the KL from the shifted Gaussian to the exact posterior, in both dimensions.
    expected = log_likelihood(exact, x) - 2 * 0.5 * PRECISION * shift**2
    assert pytest.approx(0.5) == SCALE
    torch.testing.assert_close(bound(model, x, q), expected, atol=1e-4, rtol=0)
