"""log p(x) of images by a sum over a grid of the latent plane: exact, for two latent dimensions.

Shapes: N images, G grid points. Values in nats per image. Memory does not grow with the points.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_lab.evaluate.bound import mean_over_images
from vae_lab.evaluate.marginal_likelihood import protocol_of_samples, protocol_of_targets
from vae_lab.generative_model import BATCH
from vae_lab.inference.images import Advance, EvaluationImages
from vae_lab.inference.joint import log_likelihood_of_pairs, log_prior
from vae_lab.posteriors import HasMean
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation
    from vae_lab.vae import VAE

# Log-probabilities of (point, image) pairs held at a time: 32 MB in double precision.
_PAIRS = 4_000_000

# Steps along each axis of the first grid.
_FIRST_STEPS = 32


def exact(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields log p(x) by a grid, and how far the bound lies below; nothing if Z is not 2."""
    if evaluation.model.latent_dim != 2:
        return
    tolerance = evaluation.settings["grid_tolerance"]
    log_p, num_points, _, change = evaluation.grid_integral
    protocol: dict[str, Any] = {"grid_points": num_points, **protocol_of_targets(evaluation)}
    details: dict[str, Any] = {
        "moved_at_last_refinement": change if math.isfinite(change) else None,
        "converged": change < tolerance,
    }
    if change >= tolerance:
        details["warning"] = f"not converged: raise grid_points ({change:.2g} nats)"
    number = mean_over_images("exact", f"{evaluation.log_p}, by a grid", log_p, **protocol)
    yield number._replace(details=details)
    words = "how far iw_bound lies below exact"
    gap = log_p - evaluation.importance_weighted.log_likelihood
    yield mean_over_images("gap_iw_bound_to_exact", words, gap, **protocol_of_samples(evaluation))


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

    Of a conditional model log p(x|y): the grid is decoded given each class of the images.

    The trapezoidal rule on a square grid that holds every posterior. Its spacing is halved until
    the mean absolute change of the images is below `tolerance` nats, or the next grid would pass
    `max_points`. The rule converges faster than any power of the spacing if the integrand vanishes
    at the border (Trefethen and Weideman, The Exponentially Convergent Trapezoidal Rule, SIAM
    Review 2014), so the error left is smaller than the last change.
    """
    assert model.latent_dim == 2
    x, labels = drawn.images.to(model.device), drawn.labels
    extent = _extent(drawn.posterior, model.prior.reach())
    log_sum = torch.full((len(x),), -math.inf, dtype=torch.float64)
    steps, before = _FIRST_STEPS, log_sum
    while True:
        # A finer grid keeps the points of the coarser: only the new ones are decoded and added.
        log_sum = torch.logaddexp(
            log_sum, _log_sum_over(model, _new_points(steps, extent), x, labels)
        )
        # The sum times the area of a cell, (2 extent / steps)^2.
        estimate = log_sum + 2 * math.log(2 * extent / steps)
        last_change, before = (estimate - before).abs().mean().item(), estimate
        advance(min((steps + 1) ** 2, max_points), max_points)
        if last_change < tolerance or (2 * steps + 1) ** 2 > max_points:
            return GridIntegral(estimate.numpy(), (steps + 1) ** 2, extent, last_change)
        steps *= 2


def _extent(posterior: HasMean, of_prior: float) -> float:
    """Returns half the side of a square that holds every posterior and the reach of the prior."""
    # A very wide posterior must not make the spacing coarse: none counts as wider than the
    # prior. Its mean counts wherever it is. A grid without a code of large |z| would converge to a
    # wrong value; a grid that is too coarse warns that it did not converge.
    width = (6 * posterior.variance.sqrt()).clamp(max=of_prior)
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


def _log_sum_over(model: "VAE", points: Tensor, x: Tensor, labels: Tensor | None) -> Tensor:
    """Returns the log of the sum of p(x|z) p(z) over points z (G, 2), float64 (N,)."""
    total = torch.full((len(x),), -math.inf, dtype=torch.float64)
    width = min(max(1, _PAIRS // len(x)), BATCH)
    for start in range(0, len(points), width):
        part = points[start : start + width]
        # log p(x|z) of every pair, (points, N), plus log p(z) of the point.
        pairs = log_likelihood_of_pairs(model, part, x, labels).double().cpu()
        log_joint = pairs + log_prior(model, part).unsqueeze(1)
        total = torch.logaddexp(total, log_joint.logsumexp(dim=0))
    return total
