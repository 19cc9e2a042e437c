"""What latent points are proposed from: a mixture of Gaussians, with a share of the prior.

The prior's share e makes the sampling safe: no weight p(x|z) p(z) / proposal exceeds p(x|z) / e
(Owen and Zhou, Safe and Effective Importance Sampling, JASA 2000).

Shapes: K points, M components, Z latent dimensions. Everything in double precision on the CPU.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae_lab.inference.joint import log_prior
from vae_lab.posteriors import Posterior

if TYPE_CHECKING:
    from vae_lab.vae import VAE

# The prior's share of the points of every proposal.
PRIOR_SHARE = 0.1


class Gaussians(NamedTuple):
    """A mixture of M Gaussians: weights (M,), means (M, Z), factors L (M, Z, Z) of L L^T."""

    weights: Tensor
    means: Tensor
    factors: Tensor

    def sample(self, num_points: int, generator: torch.Generator) -> Tensor:
        """Draws points z (K, Z)."""
        chosen = self.weights.multinomial(num_points, replacement=True, generator=generator)
        noise = torch.randn(
            num_points, self.means.shape[1], generator=generator, dtype=torch.float64
        )
        return self.means[chosen] + (self.factors[chosen] @ noise[..., None])[..., 0]

    def log_prob(self, z: Tensor) -> Tensor:
        """Returns the log-density at points z (K, Z), in nats, (K,)."""
        # Component by component, so that memory grows with K and M but not with K M Z.
        log_dets = self.factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        constant = self.weights.log() - log_dets - self.means.shape[1] / 2 * math.log(2 * math.pi)
        squares = [
            torch.linalg.solve_triangular(factor, (z - mean).T, upper=False).square().sum(dim=0)
            for mean, factor in zip(self.means, self.factors, strict=True)
        ]
        return (constant - 0.5 * torch.stack(squares, dim=1)).logsumexp(dim=1)


def of_posteriors(posterior: Posterior, *, widening: float) -> Gaussians:
    """Returns q(z|x) of M images as equal components, their standard deviations `widening` fold."""
    covariance = posterior.map(Tensor.double).map(Tensor.cpu).covariance
    mean = posterior.mean.double().cpu()
    weights = torch.full((len(mean),), 1 / len(mean), dtype=torch.float64)
    return Gaussians(weights, mean, widening * torch.linalg.cholesky(covariance))


def joined(shares: Sequence[float], parts: Sequence[Gaussians]) -> Gaussians:
    """Returns the mixture of mixtures, each with its share of the points."""
    weights = [share * part.weights for share, part in zip(shares, parts, strict=True)]
    means, factors = ([part[k] for part in parts] for k in (1, 2))
    return Gaussians(torch.cat(weights), torch.cat(means), torch.cat(factors))


def draw(
    model: "VAE", gaussians: Gaussians, num_points: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draws points z (K, Z) of the Gaussians and the prior; returns them and log densities (K,)."""
    of_prior = round(PRIOR_SHARE * num_points)
    z = torch.cat(
        [
            gaussians.sample(num_points - of_prior, generator),
            model.prior.sample(of_prior, generator).cpu().double(),
        ]
    )
    share = of_prior / num_points
    log_density = torch.logaddexp(
        gaussians.log_prob(z) + math.log1p(-share), log_prior(model, z) + math.log(share)
    )
    return z, log_density
