"""The joint density p(x, z) of a trained model, and what a draw of q(z|x) weighs by it.

Shapes: K samples per image, B images per batch, P points, N images, Z latent dimensions;
log-densities in nats. `labels`, int64 (B,), are given to a conditional model only: then every
density is one given y, p(x, z|y) and q(z|x, y).
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vae_lab.posteriors import Posterior

if TYPE_CHECKING:
    from vae_lab.vae import VAE


def log_joint(model: "VAE", x: Tensor, z: Tensor, labels: Tensor | None = None) -> Tensor:
    """Returns log p(x, z) of K points of each image, float64 (K, B), on the CPU.

    The images x (B, C, H, W) are float in [0, 1], the points z (K, B, Z) on any device.
    """
    # All points decoded at once.
    outputs = model.outputs(z.float().to(model.device), labels)
    log_likelihood = model.likelihood.log_prob(outputs, x.to(model.device))
    return log_likelihood.double().cpu() + log_prior(model, z)


def log_prior(model: "VAE", z: Tensor) -> Tensor:
    """Returns log p(z) of points z (..., Z), float64 on the CPU."""
    # On the model's device, where a learned prior is. MPS has no double precision.
    dtype = torch.float32 if model.device.type == "mps" else torch.float64
    return model.prior.log_prob(z.to(model.device, dtype)).double().cpu()


def log_likelihood_of_pairs(
    model: "VAE", points: Tensor, x: Tensor, labels: Tensor | None = None
) -> Tensor:
    """Returns log p(x|z) of every pair of points z (P, Z) and images (N, C, H, W), (P, N).

    Given labels, (N,), the points are decoded once for each class that the images have.
    """
    points, x = points.float().to(model.device), x.to(model.device)
    if labels is None:
        return model.likelihood.log_prob_of_pairs(model.outputs(points[None])[0], x)
    pairs = points.new_empty(len(points), len(x))
    for label in torch.unique(labels).to(x.device):
        of_class = labels.to(x.device) == label
        outputs = model.outputs(points[None], label.expand(len(points)))[0]
        # Of each class the images that have it.
        pairs[:, of_class] = model.likelihood.log_prob_of_pairs(outputs, x[of_class])
    return pairs


def log_weights(
    model: "VAE", x: Tensor, posterior: Posterior, noise: Tensor, labels: Tensor | None = None
) -> Tensor:
    """Returns log p(x, z) - log q(z|x), float64 (K, B), for noise (K, B, Z).

    The images x (B, C, H, W) are float in [0, 1]; z is what the posterior makes of the noise.
    """
    log_q = posterior.map(Tensor.double).log_prob_of_draw(noise.double())
    return log_joint(model, x, posterior.sample(noise), labels) - log_q
