"""The approximate posterior q(z|x): a diagonal Gaussian.

Shapes: K samples per image, B images per batch, Z latent dimensions. Nothing is reduced over images
here, so only the objective decides how images are weighted.

Source: Kingma and Welling, Auto-Encoding Variational Bayes, arXiv:1312.6114, appendix B.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Posterior(NamedTuple):
    """The diagonal Gaussian q(z|x). Both fields have shape (B, Z)."""

    mean: Tensor
    log_var: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Turns standard normal noise (..., B, Z) into z ~ q(z|x) of the same shape.

        The result is differentiable in both fields (the reparameterisation trick, eq. 4). The noise
        is the caller's, so that training and evaluation each draw from a generator of their own.
        """
        return self.mean + torch.exp(0.5 * self.log_var) * noise

    def kl_to_standard_normal(self) -> Tensor:
        """Returns KL(q(z|x) || N(0, I)) per latent dimension in nats, shape (B, Z)."""
        # expm1 keeps precision where log_var is near 0, the posterior of an unused dimension.
        return 0.5 * (self.mean.square() + torch.expm1(self.log_var) - self.log_var)

    def kl_to_aggregate(self) -> Tensor:
        """Returns KL(q(z|x) || N(m, s^2)) per latent dimension in nats, shape (B, Z).

        m and s^2 are the moments of the aggregate posterior, the mean of these B posteriors. The
        mean over the images is the information that the dimension has of the image, plus what the
        aggregate lacks to be Gaussian (Hoffman and Johnson, ELBO surgery, 2016).
        """
        centred = self.mean - self.mean.mean(dim=0)
        variance = centred.square().mean(dim=0) + self.log_var.exp().mean(dim=0)
        scaled = Posterior(centred * variance.rsqrt(), self.log_var - variance.log())
        return scaled.kl_to_standard_normal()

    def log_prob(self, z: Tensor) -> Tensor:
        """Returns log q(z|x) in nats for z (..., B, Z), shape (..., B)."""
        standardised = (z - self.mean) * torch.exp(-0.5 * self.log_var)
        return -0.5 * (standardised.square() + self.log_var + math.log(2 * math.pi)).sum(dim=-1)

    def log_prob_of_draw(self, noise: Tensor) -> Tensor:
        """Returns log q(z|x) in nats of z = `sample(noise)`, for noise (..., B, Z), shape (..., B).

        From the noise and not from z: if q is narrower than the rounding of its mean, z - mean is
        lost, and log q(z|x) half a nat per dimension too high.
        """
        return -0.5 * (noise.square() + self.log_var + math.log(2 * math.pi)).sum(dim=-1)

    def float(self) -> "Posterior":
        """Returns the same posterior in single precision: the bound is never computed in less."""
        return Posterior(self.mean.float(), self.log_var.float())
