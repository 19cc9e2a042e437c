"""The prior p(z).

Shapes: K samples per image, B images per batch, N draws, Z latent dimensions. All values in nats.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vae_lab.posterior import Posterior


class Prior(nn.Module, ABC):
    """p(z). A module, so that a prior with parameters of its own is trained and saved."""

    @abstractmethod
    def kl(self, posterior: Posterior) -> Tensor:
        """Returns KL(q(z|x) || p(z)) per latent dimension in nats, shape (B, Z)."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Returns log p(z) in nats for z (..., Z), shape (...)."""

    @abstractmethod
    def sample(self, num_images: int, generator: torch.Generator) -> Tensor:
        """Draws z ~ p(z), shape (N, Z), on the generator's device."""


class StandardNormal(Prior):
    """N(0, I), the prior of Kingma and Welling (arXiv:1312.6114)."""

    def __init__(self, *, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def kl(self, posterior: Posterior) -> Tensor:
        return posterior.kl_to_standard_normal()

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=-1)

    def sample(self, num_images: int, generator: torch.Generator) -> Tensor:
        return torch.randn(
            num_images, self.latent_dim, generator=generator, device=generator.device
        )
