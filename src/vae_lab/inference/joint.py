"""The joint density p(x, z) of a trained model, and what a draw of q(z|x) weighs by it.

Shapes: K samples per image, B images per batch, Z latent dimensions; log-densities in nats.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vae_lab.posteriors import Posterior

if TYPE_CHECKING:
    from vae_lab.vae import VAE


def log_joint(model: "VAE", x: Tensor, z: Tensor) -> Tensor:
    """Returns log p(x, z) of K points of each image, float64 (K, B), on the CPU.

    The images x (B, C, H, W) are float in [0, 1], the points z (K, B, Z) on any device.
    """
    # All points decoded at once.
    outputs = model.decoder(z.flatten(0, 1).float().to(model.device)).float()
    log_likelihood = model.likelihood.log_prob(
        outputs.unflatten(0, z.shape[:2]), x.to(model.device)
    )
    return log_likelihood.double().cpu() + log_prior(model, z)


def log_prior(model: "VAE", z: Tensor) -> Tensor:
    """Returns log p(z) of points z (..., Z), float64 on the CPU."""
    # On the model's device, where a learned prior is. MPS has no double precision.
    dtype = torch.float32 if model.device.type == "mps" else torch.float64
    return model.prior.log_prob(z.to(model.device, dtype)).double().cpu()


def log_weights(model: "VAE", x: Tensor, posterior: Posterior, noise: Tensor) -> Tensor:
    """Returns log p(x, z) - log q(z|x), float64 (K, B), for noise (K, B, Z).

    The images x (B, C, H, W) are float in [0, 1]; z is what the posterior makes of the noise.
    """
    log_q = posterior.map(Tensor.double).log_prob_of_draw(noise.double())
    return log_joint(model, x, posterior.sample(noise)) - log_q
