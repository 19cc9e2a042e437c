"""log p(x) of images: the importance-weighted bound with K samples, and the exact sum over a grid.

Shapes: K samples per image, N images, B images per batch, G grid points, Z latent dimensions.
Values in nats per image. Memory does not grow with K, nor with the number of grid points.
"""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_lab.evaluate.bound import mean_over_images
from vae_lab.posterior import Posterior
from vae_lab.random_streams import stream
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation
    from vae_lab.vae import VAE

# Takes how much is done and how much there is.
Advance = Callable[[int, int], None]

# Log-probabilities of (point, image) pairs held at a time: 32 MB in double precision.
_PAIRS = 4_000_000

# Points decoded at a time.
_POINTS = 4000

# Steps along each axis of the first grid.
_FIRST_STEPS = 32


def importance_weighted_bound(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields the importance-weighted bound, its code length, and how far the bound lies below."""
    estimate = evaluation.importance_weighted
    log_p, protocol = estimate.log_likelihood, _protocol(evaluation)
    details = {
        "monte_carlo_error": estimate.monte_carlo_error(),
        "median_effective_samples": float(np.median(estimate.effective_samples)),
    }
    words = "the importance-weighted bound on log p(x)"
    yield mean_over_images("iw_bound", words, log_p, **protocol)._replace(details=details)
    bits = -log_p / (math.log(2) * evaluation.drawn.images[0].numel())
    words = "the code length of a pixel, by iw_bound"
    yield mean_over_images("bits_per_dimension", words, bits, **protocol)
    gap = log_p - evaluation.bound.elbo[evaluation.drawn.rows.numpy()]
    words = "how far the bound lies below iw_bound"
    yield mean_over_images("gap_elbo_to_iw_bound", words, gap, **protocol)


def exact(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields log p(x) by a grid, and how far the bound lies below; nothing if Z is not 2."""
    if evaluation.model.latent_dim != 2:
        return
    tolerance = evaluation.settings["grid_tolerance"]
    log_p, num_points, _, change = exact_on_grid(
        evaluation.model,
        evaluation.drawn,
        tolerance=tolerance,
        max_points=evaluation.settings["grid_points"],
        advance=evaluation.advance,
    )
    protocol: dict[str, Any] = {"grid_points": num_points, **_targets(evaluation)}
    if change >= tolerance:
        protocol["warning"] = f"not converged: raise grid_points ({change:.2g} nats)"
    details = {
        "moved_at_last_refinement": change if math.isfinite(change) else None,
        "converged": change < tolerance,
    }
    number = mean_over_images("exact", "log p(x), by a grid", log_p, **protocol)
    yield number._replace(details=details)
    words = "how far iw_bound lies below exact"
    gap = log_p - evaluation.importance_weighted.log_likelihood
    yield mean_over_images("gap_iw_bound_to_exact", words, gap, **_protocol(evaluation))


def _protocol(evaluation: "Evaluation") -> dict[str, Any]:
    num_samples = evaluation.settings["num_samples"]
    return {"latent": "sampled", "samples": num_samples, **_targets(evaluation)}


def _targets(evaluation: "Evaluation") -> dict[str, bool]:
    """Returns whether targets are means of binary draws: the values are no likelihoods then."""
    grey = evaluation.data.binarize == "none"
    return {"targets_are_means": grey and evaluation.model.likelihood.grey_is_a_mean}


class ImportanceWeighted(NamedTuple):
    """The estimate of each image, and how many draws its weights are worth, both (N,)."""

    log_likelihood: np.ndarray
    effective_samples: np.ndarray
    num_samples: int

    def monte_carlo_error(self) -> float:
        """Returns the part of the standard error of the mean that is due to the finite K.

        By the delta method: the variance of the log of a mean of K weights is 1/ESS - 1/K.
        """
        variance = np.maximum(1 / self.effective_samples - 1 / self.num_samples, 0)
        return float(np.sqrt(variance.sum()) / len(variance))


class EvaluationImages(NamedTuple):
    """Some images of a split, float in [0, 1], (N, C, H, W), and their places in it, (N,).

    `posterior` is q(z|x) of them on the CPU. The noise of an image belongs to its place.
    """

    images: Tensor
    posterior: Posterior
    rows: Tensor
    split: str
    split_size: int


@torch.no_grad()
def importance_weighted(
    model: "VAE",
    drawn: EvaluationImages,
    *,
    num_samples: int,
    decoder_batch: int,
    seed: int,
    advance: Advance = lambda done, total: None,
) -> ImportanceWeighted:
    """Returns log (1/K) sum_k p(x, z_k) / q(z_k|x) for each image, z_k ~ q(z|x).

    A lower bound on log p(x) in expectation, which rises with K towards it (Burda et al.,
    Importance Weighted Autoencoders, arXiv:1509.00519, eq. 8 and theorem 1). `decoder_batch`, how
    many latent points are decoded at a time, decides the memory, and moves an estimate by no more
    than the rounding of the decoder (1e-3 nats).
    """
    num_images = len(drawn.images)
    # The logs of the sums of the weights and of their squares, over the samples so far.
    log_sum = torch.full((num_images,), -math.inf, dtype=torch.float64)
    log_square_sum = log_sum.clone()
    # Several samples of all images at a time, or if there are many images, some images at a time.
    width = max(1, decoder_batch // num_images)
    for start in range(0, num_samples, width):
        stop = min(start + width, num_samples)
        noise = _noise(drawn, range(start, stop), model.latent_dim, seed)
        for left in range(0, num_images, decoder_batch):
            rows = slice(left, left + decoder_batch)
            q = Posterior(*(field[rows] for field in drawn.posterior))
            log_w = log_weights(model, drawn.images[rows], q, noise[:, rows])
            log_sum[rows] = torch.logaddexp(log_sum[rows], log_w.logsumexp(dim=0))
            log_squares = (2 * log_w).logsumexp(dim=0)
            log_square_sum[rows] = torch.logaddexp(log_square_sum[rows], log_squares)
        advance(stop, num_samples)
    # The effective sample size of K weights w: (sum w)^2 / sum w^2.
    effective = torch.exp(2 * log_sum - log_square_sum)
    bound = (log_sum - math.log(num_samples)).numpy()
    return ImportanceWeighted(bound, effective.numpy(), num_samples)


def _noise(drawn: EvaluationImages, samples: range, latent_dim: int, seed: int) -> Tensor:
    """Returns the noise of some samples, (K, N, Z).

    That of sample k of an image depends only on the seed, the image's place in its split, and k:
    neither batches nor the choice of images change it, and a larger K keeps the first ones.
    """
    shape = (drawn.split_size, latent_dim)
    generators = (stream("iw", drawn.split, seed, k) for k in samples)
    return torch.stack([torch.randn(shape, generator=each)[drawn.rows] for each in generators])


def log_weights(model: "VAE", x: Tensor, posterior: Posterior, noise: Tensor) -> Tensor:
    """Returns log p(x, z) - log q(z|x), float64 (K, B), for noise (K, B, Z).

    The images x (B, C, H, W) are float in [0, 1]; z is what the posterior makes of the noise.
    """
    z = posterior.sample(noise)
    # log q(z|x), from the noise and not from z: if q is narrower than the rounding of its mean,
    # z - mean would be lost.
    normal = noise.double().square() + math.log(2 * math.pi)
    log_q = -0.5 * (normal + posterior.log_var.double()).sum(dim=-1)
    # log p(x|z) of K draws of each image, all decoded at once.
    outputs = model.decoder(z.flatten(0, 1).to(model.device)).float()
    log_likelihood = model.likelihood.log_prob(
        outputs.unflatten(0, noise.shape[:2]), x.to(model.device)
    )
    return log_likelihood.double().cpu() + _log_prior(model, z) - log_q


def _log_prior(model: "VAE", z: Tensor) -> Tensor:
    """Returns log p(z) of points z (..., Z), float64 on the CPU."""
    # On the model's device, where a learned prior is. MPS has no double precision.
    dtype = torch.float32 if model.device.type == "mps" else torch.float64
    return model.prior.log_prob(z.to(model.device, dtype)).double().cpu()


class GridIntegral(NamedTuple):
    """log p(x) of each image, (N,), and the grid behind it.

    `last_change` is the mean absolute change at the last halving of the grid's spacing, in nats.
    """

    log_likelihood: np.ndarray
    num_points: int
    extent: float
    last_change: float


@torch.no_grad()
def exact_on_grid(
    model: "VAE",
    drawn: EvaluationImages,
    *,
    tolerance: float,
    max_points: int,
    advance: Advance = lambda done, total: None,
) -> GridIntegral:
    """Returns log p(x), the log of the integral of p(x|z) p(z) over the plane, for latent_dim=2.

    The trapezoidal rule on a square grid that holds every posterior. Its spacing is halved until
    the mean absolute change of the images is below `tolerance` nats, or the next grid would pass
    `max_points`. The rule converges faster than any power of the spacing if the integrand vanishes
    at the border (Trefethen and Weideman, The Exponentially Convergent Trapezoidal Rule, SIAM
    Review 2014), so the error left is smaller than the last change.
    """
    assert model.latent_dim == 2
    x = drawn.images.to(model.device)
    extent = _extent(drawn.posterior, model.prior.reach())
    log_sum = torch.full((len(x),), -math.inf, dtype=torch.float64)
    steps, before = _FIRST_STEPS, log_sum
    while True:
        # A finer grid keeps the points of the coarser: only the new ones are decoded and added.
        log_sum = torch.logaddexp(log_sum, _log_sum_over(model, _new_points(steps, extent), x))
        # The sum times the area of a cell, (2 extent / steps)^2.
        estimate = log_sum + 2 * math.log(2 * extent / steps)
        last_change, before = (estimate - before).abs().mean().item(), estimate
        advance(min((steps + 1) ** 2, max_points), max_points)
        if last_change < tolerance or (2 * steps + 1) ** 2 > max_points:
            return GridIntegral(estimate.numpy(), (steps + 1) ** 2, extent, last_change)
        steps *= 2


def _extent(posterior: Posterior, of_prior: float) -> float:
    """Returns half the side of a square that holds every posterior and the reach of the prior."""
    # A very wide posterior must not make the spacing coarse: none counts as wider than the
    # prior. Its mean counts wherever it is. A grid without a code of large |z| would converge to a
    # wrong value; a grid that is too coarse warns that it did not converge.
    width = (6 * torch.exp(0.5 * posterior.log_var)).clamp(max=of_prior)
    return max(of_prior, (posterior.mean.abs() + width).max().item())


def _new_points(steps: int, extent: float) -> Tensor:
    """Returns the points (G, 2) of the grid that the grid of half as many steps does not have."""
    axis = torch.linspace(-extent, extent, steps + 1, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    if steps == _FIRST_STEPS:
        return points
    # The coarser grid has the points whose two indices are both even.
    index = torch.arange(steps + 1)
    return points[(torch.cartesian_prod(index, index) % 2).bool().any(dim=1)]


def _log_sum_over(model: "VAE", points: Tensor, x: Tensor) -> Tensor:
    """Returns the log of the sum of p(x|z) p(z) over points z (G, 2), float64 (N,)."""
    total = torch.full((len(x),), -math.inf, dtype=torch.float64)
    width = min(max(1, _PAIRS // len(x)), _POINTS)
    for start in range(0, len(points), width):
        part = points[start : start + width]
        # log p(x|z) of every pair, (points, N), plus log p(z) of the point.
        outputs = model.decoder(part.float().to(model.device)).float()
        pairs = model.likelihood.log_prob_of_pairs(outputs, x).double().cpu()
        log_joint = pairs + _log_prior(model, part).unsqueeze(1)
        total = torch.logaddexp(total, log_joint.logsumexp(dim=0))
    return total
