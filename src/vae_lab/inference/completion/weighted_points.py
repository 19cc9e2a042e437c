"""p(z|x) of the seen pixels of an image, as weighted points of the latent space.

Importance sampling: points of a proposal, each with the weight p(x_seen, z) / proposal(z). The
proposal begins with what the encoder says of the image with its gaps filled in several ways, and
follows the weights in rounds.

Shapes: K points, M fillings, C, H, W of an image, S seen pixels, Z latent dimensions. Nats.

Sources: filling by decoding and encoding in turn: Rezende, Mohamed and Wierstra, Stochastic
Backpropagation, arXiv:1401.4082, appendix F; proposals that follow the weights: Cappé et al.,
Population Monte Carlo, JCGS 2004; kernels that keep the covariance: West, Approximating Posterior
Distributions by Mixtures, JRSS B 1993.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae_lab.generative_model import BATCH
from vae_lab.inference.completion.proposals import Gaussians, draw, joined, of_posteriors
from vae_lab.inference.completion.seen_pixels import of_seen_pixels
from vae_lab.inference.density import masses
from vae_lab.inference.joint import log_joint, log_prior

if TYPE_CHECKING:
    from vae_lab.vae import VAE

# Fillings of the gaps, how often each is encoded and decoded, and the draws of the prior of which
# they begin at likely ones.
_FILLINGS, _TURNS, _PRIOR_DRAWS = 100, 4, 1000

# How much wider than the encoder's q(z|x): its codes of whole images know what is missing.
_WIDENING = 1.6

# Rounds in which the proposal follows the weights: so many, and up to so many until half as many
# points are effective as there are kernels around them. Points of a round, and kernels.
_ROUNDS, _MOST_ROUNDS = 4, 20
_POINTS, _KERNELS = 1000, 200

# Shares of the kernels, of one Gaussian of twice the covariance, and of the fillings' codes.
_SHARES = (0.7, 0.2, 0.1)

# Points of the lattice that hold the mass, for two latent dimensions: a cell has a side of a third
# of a standard deviation, and points spread over it have a variance too large by 1 %.
_LATTICE_POINTS = 600


class WeightedPoints(NamedTuple):
    """Points z (K, Z) with the logarithms of their weights (K,), float64.

    A point stands for all of the square of side `spacing` around it. `log_likelihood` is the
    estimate of log p(x_seen).
    """

    z: Tensor
    log_weights: Tensor
    log_likelihood: float
    spacing: float = 0.0

    def effective_points(self) -> float:
        """Returns how many equal weights they are worth, (sum w)^2 / sum w^2 (Kong, 1992)."""
        return effective(self.log_weights)

    def resampled(self, num_points: int, generator: torch.Generator) -> Tensor:
        """Draws points by their weights, with replacement, (N, Z)."""
        weights = self.log_weights.softmax(dim=0)
        chosen = weights.multinomial(num_points, replacement=True, generator=generator)
        z = self.z[chosen]
        place = torch.rand(z.shape, generator=generator, dtype=z.dtype) - 0.5
        return z + self.spacing * place


def effective(log_weights: Tensor) -> float:
    """Returns the effective number of weights, given as logarithms (K,)."""
    return math.exp(2 * log_weights.logsumexp(dim=0) - (2 * log_weights).logsumexp(dim=0))


@torch.no_grad()
def by_importance(
    model: "VAE", image: Tensor, seen: Tensor, *, num_points: int, generator: torch.Generator
) -> WeightedPoints:
    """Returns K points of p(z|x_seen) for an image (C, H, W) in [0, 1]; see the file's top.

    `seen` is bool (C, H, W); the other pixels of the image have no effect. No point of the rounds
    is returned: those of the last proposal are new, so their mean weight is p(x_seen) in
    expectation.
    """
    of_seen = of_seen_pixels(model, seen)
    pixels = image[seen][None, None, None]  # (1, 1, 1, S)
    codes = _codes_of_fillings(model, of_seen, image, seen, generator)
    proposal = codes
    for number in range(_MOST_ROUNDS):
        points = _weighted(of_seen, pixels, proposal, _POINTS, generator)
        if number >= _ROUNDS and points.effective_points() >= _KERNELS / 2:
            break
        proposal = joined(_SHARES, [*_around(points, generator), codes])
    return _weighted(of_seen, pixels, proposal, num_points, generator)


@torch.no_grad()
def by_lattice(
    model: "VAE", image: Tensor, seen: Tensor, generator: torch.Generator
) -> WeightedPoints:
    """Returns where p(z|x_seen) has its mass, on a lattice of the plane, for latent_dim=2."""
    of_seen = of_seen_pixels(model, seen)
    pixels = image[seen][None, None, None]
    z = _likely_draws(of_seen, pixels, 1, generator)
    code = model.encode(_filled(model, image, seen, z))
    [mass] = masses(of_seen, pixels, code, enough=_LATTICE_POINTS)
    return WeightedPoints(mass.points, mass.log_density, mass.log_likelihood, mass.spacing)


def _weighted(
    of_seen: "VAE", pixels: Tensor, proposal: Gaussians, num_points: int, generator: torch.Generator
) -> WeightedPoints:
    """Returns points of a proposal, weighted."""
    z, log_density = draw(of_seen, proposal, num_points, generator)
    log_weights = _log_joint(of_seen, pixels, z) - log_density
    log_likelihood = log_weights.logsumexp(dim=0).item() - math.log(num_points)
    return WeightedPoints(z, log_weights, log_likelihood)


def _log_joint(of_seen: "VAE", pixels: Tensor, z: Tensor) -> Tensor:
    """Returns log p(x_seen, z) of points z (K, Z), float64 (K,)."""
    return torch.cat(
        [log_joint(of_seen, pixels, part[:, None])[:, 0] for part in torch.split(z, BATCH)]
    )


def _codes_of_fillings(
    model: "VAE", of_seen: "VAE", image: Tensor, seen: Tensor, generator: torch.Generator
) -> Gaussians:
    """Returns q(z|x) of the image with its gaps filled in M ways, each in turns."""
    z = _likely_draws(of_seen, image[seen][None, None, None], _FILLINGS, generator)
    for _ in range(_TURNS):
        code = model.encode(_filled(model, image, seen, z))
        noise = torch.randn(code.mean.shape, generator=generator).to(code.mean)
        z = code.sample(noise)
    return of_posteriors(code, widening=_WIDENING)


def _likely_draws(of_seen: "VAE", pixels: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draws points of the prior that are more likely than others given the pixels, (M, Z)."""
    z = of_seen.prior.sample(_PRIOR_DRAWS, generator).cpu()
    log_likelihood = _log_joint(of_seen, pixels, z) - log_prior(of_seen, z)
    weights = _flattened(log_likelihood, count / 2).softmax(dim=0)
    return z[weights.multinomial(count, replacement=True, generator=generator)]


def _filled(model: "VAE", image: Tensor, seen: Tensor, z: Tensor) -> Tensor:
    """Returns the image with its gaps filled by the mean images of z (M, Z), (M, C, H, W)."""
    return (
        torch.where(seen, image, model.decode(z.float().to(model.device)).cpu())
        .clamp(0, 1)
        .to(model.device)
    )


def _around(points: WeightedPoints, generator: torch.Generator) -> tuple[Gaussians, Gaussians]:
    """Returns kernels around heavy points, and one Gaussian over all of them, twice as wide.

    The kernels have the covariance of the points, made smaller, and their means are moved towards
    the common one, so that the mixture has the covariance of the points.
    """
    z, latent_dim = points.z, points.z.shape[1]
    # Few weights decide a first round: flattened until enough count for a covariance.
    weights = _flattened(points.log_weights, _KERNELS).softmax(dim=0)
    mean = weights @ z
    centred = z - mean
    covariance = (weights[:, None] * centred).T @ centred
    tiny = 1e-6 * covariance.diagonal().mean().clamp(min=1e-12)
    factor = torch.linalg.cholesky(covariance + tiny * torch.eye(latent_dim, dtype=z.dtype))
    share = _KERNELS ** (-2 / (latent_dim + 4))  # of the covariance: Scott's rule
    chosen = weights.multinomial(_KERNELS, replacement=True, generator=generator)
    kernels = Gaussians(
        torch.full((_KERNELS,), 1 / _KERNELS, dtype=z.dtype),
        mean + math.sqrt(1 - share) * centred[chosen],
        (math.sqrt(share) * factor).expand(_KERNELS, -1, -1),
    )
    wide = Gaussians(torch.ones(1, dtype=z.dtype), mean[None], math.sqrt(2) * factor[None])
    return kernels, wide


def _flattened(log_weights: Tensor, wanted: float) -> Tensor:
    """Returns the log-weights (K,) times the largest factor to 1 that leaves `wanted` effective."""
    if effective(log_weights) >= wanted:
        return log_weights
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if effective(middle * log_weights) >= wanted else (low, middle)
    return low * log_weights
