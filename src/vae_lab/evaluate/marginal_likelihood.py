"""log p(x) of images: the importance-weighted bound with K samples, and the exact sum over a grid.

Shapes: K samples per image, N images, B images per batch, G grid points, Z latent dimensions.
Values in nats per image. Memory does not grow with K, nor with the number of grid points.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from vae_lab.evaluate.latent_space import posteriors
from vae_lab.likelihoods import Likelihood
from vae_lab.posterior import Posterior
from vae_lab.priors import Prior
from vae_lab.random_streams import stream

# Told how much is done and how much there is.
Advance = Callable[[int, int], None]

# Images per batch through the encoder, whose outputs are kept.
_ENCODER_BATCH = 500

# Log-probabilities of (point, image) pairs held at a time: 32 MB in double precision.
_PAIRS = 4_000_000

# Points decoded at a time.
_POINTS = 4000

# Steps along each axis of the first grid.
_FIRST_STEPS = 32


class Model(Protocol):
    """What the estimators need of a model, in eval mode and single precision."""

    latent_dim: int
    prior: Prior
    likelihood: Likelihood
    decoder: nn.Module

    @property
    def device(self) -> torch.device: ...

    def encode(self, x: Tensor) -> Posterior: ...


class Weighted(NamedTuple):
    """The estimate of each image, and how many draws its weights are worth, both (N,)."""

    log_likelihood: np.ndarray
    effective_samples: np.ndarray
    num_samples: int

    def monte_carlo_error(self) -> float:
        """Returns the standard error of the mean estimate that is due to the finite K alone.

        By the delta method: the variance of the log of a mean of K weights is 1/ESS - 1/K.
        """
        variance = np.maximum(1 / self.effective_samples - 1 / self.num_samples, 0)
        return float(np.sqrt(variance.sum()) / len(variance))


class Chosen(NamedTuple):
    """Some images of a split: uint8 (N, C, H, W), their places in it (N,), its name and size."""

    images: Tensor
    rows: Tensor
    split: str
    split_size: int


@torch.no_grad()
def importance_weighted(
    model: Model,
    chosen: Chosen,
    *,
    num_samples: int,
    decoder_batch: int,
    seed: int,
    advance: Advance,
) -> Weighted:
    """Returns log (1/K) sum_k p(x, z_k) / q(z_k|x) for each image, z_k ~ q(z|x).

    A lower bound on log p(x) in expectation, which rises with K towards it (Burda et al.,
    Importance Weighted Autoencoders, arXiv:1509.00519, eq. 8 and theorem 1). `decoder_batch`, how
    many latent points are decoded at a time, decides the memory, and moves an estimate by no more
    than the rounding of the decoder (1e-3 nats); see `_noise` for what else it depends on.
    """
    posterior = posteriors(model, chosen.images, batch_size=_ENCODER_BATCH)
    num_images = len(chosen.images)
    log_sum = torch.full((num_images,), -math.inf, dtype=torch.float64)
    log_square_sum = log_sum.clone()
    width = max(1, decoder_batch // num_images)
    for start in range(0, num_samples, width):
        stop = min(start + width, num_samples)
        noise = _noise(chosen, range(start, stop), model.latent_dim, seed)
        for left in range(0, num_images, decoder_batch):
            part = slice(left, left + decoder_batch)
            x = chosen.images[part].float() / 255
            q = Posterior(posterior.mean[part], posterior.log_var[part])
            found = log_weights(model, x, q, noise[:, part])
            log_sum[part] = torch.logaddexp(log_sum[part], found.logsumexp(dim=0))
            squares = (2 * found).logsumexp(dim=0)
            log_square_sum[part] = torch.logaddexp(log_square_sum[part], squares)
        advance(stop, num_samples)
    effective = torch.exp(2 * log_sum - log_square_sum)
    return Weighted((log_sum - math.log(num_samples)).numpy(), effective.numpy(), num_samples)


def _noise(chosen: Chosen, samples: range, latent_dim: int, seed: int) -> Tensor:
    """Returns the noise of some samples, (K, N, Z).

    That of sample k of an image depends on the seed, the image's place in its split, and k alone:
    neither batches nor the choice of images change it, and a larger K keeps the first ones.
    """
    shape = (chosen.split_size, latent_dim)
    streams = (stream("iw", chosen.split, seed, k) for k in samples)
    return torch.stack([torch.randn(shape, generator=one)[chosen.rows] for one in streams])


def log_weights(model: Model, x: Tensor, posterior: Posterior, noise: Tensor) -> Tensor:
    """Returns log p(x, z) - log q(z|x), float64 (K, B), for noise (K, B, Z).

    The images x (B, C, H, W) are float in [0, 1]; z is what the posterior makes of the noise.
    """
    z = posterior.sample(noise)
    # From the noise and not from z: where q is narrower than the rounding of its mean, z - mean
    # would be lost.
    normal = noise.double().square() + math.log(2 * math.pi)
    log_q = -0.5 * (normal + posterior.log_var.double()).sum(dim=-1)
    outputs = model.decoder(z.flatten(0, 1).to(model.device)).float()
    log_likelihood = model.likelihood.log_prob(
        outputs.unflatten(0, noise.shape[:2]), x.to(model.device)
    )
    return log_likelihood.double().cpu() + _log_prior(model, z) - log_q


def _log_prior(model: Model, z: Tensor) -> Tensor:
    """Returns log p(z) of points z (..., Z), float64 on the CPU."""
    # On the model's device, where a learned prior is. MPS has no double precision.
    dtype = torch.float32 if model.device.type == "mps" else torch.float64
    return model.prior.log_prob(z.to(model.device, dtype)).double().cpu()


class Exact(NamedTuple):
    """log p(x) of each image, (N,), and the grid behind it.

    `moved` is the mean absolute change at the last halving of the grid's spacing, in nats.
    """

    log_likelihood: np.ndarray
    num_points: int
    extent: float
    moved: float


@torch.no_grad()
def exact_on_grid(
    model: Model, images: Tensor, *, tolerance: float, max_points: int, advance: Advance
) -> Exact:
    """Returns log p(x), the log of the integral of p(x|z) p(z) over the plane, for latent_dim=2.

    The trapezoidal rule on a square grid whose spacing is halved until the figures of uint8 images
    (N, C, H, W) move by less than `tolerance` nats, or the next grid would pass `max_points`. The
    move is the mean absolute one. The rule converges faster than any power of the spacing where the
    integrand vanishes at the border (Trefethen and Weideman, The Exponentially Convergent
    Trapezoidal Rule, SIAM Review 2014), so the error left is smaller than the last move.
    """
    assert model.latent_dim == 2
    x = images.to(model.device).float() / 255
    extent = _extent(posteriors(model, images, batch_size=_ENCODER_BATCH), model.prior)
    log_sum = torch.full((len(images),), -math.inf, dtype=torch.float64)
    steps, moved, before = _FIRST_STEPS, math.inf, log_sum
    while True:
        log_sum = torch.logaddexp(log_sum, _log_sum_over(model, _new_points(steps, extent), x))
        estimate = log_sum + 2 * math.log(2 * extent / steps)
        moved, before = (estimate - before).abs().mean().item(), estimate
        advance(min((steps + 1) ** 2, max_points), max_points)
        if moved < tolerance or (2 * steps + 1) ** 2 > max_points:
            return Exact(estimate.numpy(), (steps + 1) ** 2, extent, moved)
        steps *= 2


def _extent(posterior: Posterior, prior: Prior) -> float:
    """Returns half the side of a square that holds the prior and every posterior."""
    of_prior = prior.reach()
    # An absurdly wide posterior must not make the spacing coarse: none counts as wider than the
    # prior. Its mean counts wherever it is. A grid without a code of large |z| would converge, and
    # to a wrong figure; one that is too coarse says that it did not.
    width = (6 * torch.exp(0.5 * posterior.log_var)).clamp(max=of_prior)
    return max(of_prior, (posterior.mean.abs() + width).max().item())


def _new_points(steps: int, extent: float) -> Tensor:
    """Returns the points (G, 2) of the grid that the grid of half as many steps does not have."""
    axis = torch.linspace(-extent, extent, steps + 1, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    if steps == _FIRST_STEPS:
        return points
    place = torch.arange(steps + 1)
    return points[(torch.cartesian_prod(place, place) % 2).bool().any(dim=1)]


def _log_sum_over(model: Model, points: Tensor, x: Tensor) -> Tensor:
    """Returns the log of the sum of p(x|z) p(z) over points z (G, 2), float64 (N,)."""
    total = torch.full((len(x),), -math.inf, dtype=torch.float64)
    width = min(max(1, _PAIRS // len(x)), _POINTS)
    for start in range(0, len(points), width):
        part = points[start : start + width]
        outputs = model.decoder(part.float().to(model.device)).float()
        pairs = model.likelihood.log_prob_of_pairs(outputs, x).double().cpu()
        log_joint = pairs + _log_prior(model, part).unsqueeze(1)
        total = torch.logaddexp(total, log_joint.logsumexp(dim=0))
    return total
