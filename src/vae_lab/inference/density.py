"""The true posterior p(z|x) of an image on a lattice of the latent plane: for latent_dim=2 only.

Shapes: N images, C, H, W of an image, P points, K nodes, S steps. Densities are those of z, their
logarithms in nats. Labels, int64 (N,), are given to a conditional model only: then the posterior is
p(z|x, y). The points are found in steps: those of a coarse lattice over the plane, then four in
place of each of the best, until enough of them hold the mass.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_lab.inference.joint import (
    log_joint,
    log_likelihood_of_pairs,
    log_prior,
    log_weights,
)
from vae_lab.posteriors import HasMean, Posterior

if TYPE_CHECKING:
    from vae_lab.vae import VAE

# Steps along each axis of the coarse lattice.
COARSE = 48

# A point counts if its density is within so many nats of the largest; a Gaussian has e^-12 of its
# mass beyond. So many points that count are enough, and so many of the best are halved.
DEPTH, ENOUGH = 12.0, 128

# The most halvings of the spacing.
HALVINGS = 16

# Points decoded at a time.
POINTS = 500

# Nodes along each axis of the quadrature of a Gaussian.
NODES = 12


class Mass(NamedTuple):
    """Where p(z|x) of an image has its mass: on points of a square lattice."""

    points: Tensor  # (P, 2), float64
    log_density: Tensor  # log p(z|x) at the points, (P,), float64
    spacing: float  # from a point to the next
    log_likelihood: float  # log p(x) in nats

    def box(self, share: float) -> tuple[Tensor, Tensor]:
        """Returns the lowest and the highest corner, (2,), around the densest share of the mass."""
        order = self.log_density.argsort(descending=True)
        mass = self.log_density[order].exp().cumsum(dim=0) * self.spacing**2
        inside = self.points[order[: int((mass < share).sum()) + 1]]
        half = self.spacing / 2
        return inside.amin(dim=0) - half, inside.amax(dim=0) + half


@torch.no_grad()
def masses(
    model: "VAE",
    images: Tensor,
    posterior: HasMean,
    *,
    labels: Tensor | None = None,
    enough: int = ENOUGH,
) -> list[Mass]:
    """Returns where the true posterior of each image (N, C, H, W) in [0, 1] has its mass.

    The sum over the points times the area of a cell is the trapezoidal rule: far more exact than
    its spacing suggests, since the density vanishes at the border (see `evaluate/grid.py`). The
    codes of q(z|x) lie on the lattice, and what is around them is halved as the best points are: a
    mode between the points of a coarse lattice does not show there.
    """
    mean = posterior.mean.double().cpu()
    reach = max(model.prior.reach(), 1.5 * mean.abs().max().item())
    spacing = 2 * reach / COARSE
    axis = (torch.arange(COARSE, dtype=torch.float64) + 0.5) * spacing - reach
    points = torch.cartesian_prod(axis, axis)
    coarse = _log_joint(model, points, images, labels)
    at_codes = log_joint(model, images, mean[None], labels)[0]
    return [
        _halved(
            *(model, images[k, None], _Code(mean[k], at_codes[k]), points, coarse[:, k], spacing),
            label=None if labels is None else labels[k, None],
            enough=enough,
        )
        for k in range(len(images))
    ]


class _Code(NamedTuple):
    """The mean of q(z|x) of an image, (2,), and log p(x, z) there."""

    place: Tensor
    value: Tensor


def _halved(
    model: "VAE",
    image: Tensor,
    code: _Code,
    points: Tensor,
    values: Tensor,
    spacing: float,
    *,
    label: Tensor | None,
    enough: int,
) -> Mass:
    """Returns the mass of one image (1, C, H, W), from the values (P,) of a coarser lattice."""
    for _ in range(HALVINGS):
        top = torch.maximum(values.max(), code.value)
        if int((values > top - DEPTH).sum()) >= enough:
            break
        best = values.topk(min(enough, len(values))).indices
        nearest = (points - code.place).abs().sum(dim=1).argmin()
        parents = points[torch.unique(torch.cat([best, nearest[None]]))]
        spacing /= 2
        signs = torch.tensor([-0.5, 0.5], dtype=torch.float64)
        points = (parents[:, None] + spacing * torch.cartesian_prod(signs, signs)).flatten(0, 1)
        values = _log_joint(model, points, image, label)[:, 0]
    log_likelihood = values.logsumexp(dim=0).item() + 2 * math.log(spacing)
    return Mass(points, values - log_likelihood, spacing, log_likelihood)


@torch.no_grad()
def log_density(
    model: "VAE",
    image: Tensor,
    mass: Mass,
    edges: Sequence[Sequence[float]],
    *,
    steps: int,
    label: Tensor | None = None,
) -> Tensor:
    """Returns log p(z|x) of an image (C, H, W) in the middle of each cell of a box, (S, S).

    `edges` are the lowest and the highest z[0], and those of z[1]. The rows go upwards in z[1], the
    columns in z[0]. `label` (1,) is that of the image.
    """
    shares = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    first, second = (low + (high - low) * shares for low, high in edges)
    up, right = torch.meshgrid(second, first, indexing="ij")
    points = torch.stack([right.flatten(), up.flatten()], dim=1)
    values = _log_joint(model, points, image[None], label)
    return values.view(steps, steps) - mass.log_likelihood


@torch.no_grad()
def bound(
    model: "VAE", images: Tensor, posterior: Posterior, labels: Tensor | None = None
) -> Tensor:
    """Returns E_q[log p(x, z) - log q(z|x)] of images (N, C, H, W), (N,), without draws.

    By the Gauss-Hermite rule: exact if the logarithm of p(x, z) is a polynomial of z, such as in a
    linear Gaussian model, and else much more exact than as many draws.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    axis, weight = torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())
    noise = torch.cartesian_prod(axis, axis).float()[:, None].expand(-1, len(images), -1)
    of_each = log_weights(model, images, posterior, noise, labels)  # (K, N)
    return torch.cartesian_prod(weight, weight).prod(dim=1) @ of_each


def _log_joint(
    model: "VAE", points: Tensor, images: Tensor, labels: Tensor | None = None
) -> Tensor:
    """Returns log p(x, z) of every pair of points (P, 2) and images, float64 (P, N)."""
    images = images.to(model.device)
    parts = []
    for part in torch.split(points, POINTS):
        pairs = log_likelihood_of_pairs(model, part, images, labels).double().cpu()
        parts.append(pairs + log_prior(model, part)[:, None])
    return torch.cat(parts).nan_to_num(nan=-math.inf)
