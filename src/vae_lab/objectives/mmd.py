"""The maximum mean discrepancy between the aggregate posterior q(z) and the prior.

Shapes: K samples per image, B images per batch, Z latent dimensions. Values in nats per image. q(z)
is estimated only from the batch, so the loss, never the logged terms, depends on its size.
"""

import math

import torch
from torch import Tensor

from vae_lab.objectives.base import Draws, Objective, Terms, bound_terms
from vae_lab.priors import Prior


class Mmd(Objective):
    """InfoVAE: recon + (1 - alpha) * KL + (alpha + mmd_weight - 1) * MMD(q(z), p(z)).

    Alpha takes from the weight of each image's KL: at 1 only the MMD is left. `mmd_weight` is the
    paper's lambda, `bandwidth` the kernel's standard deviation in units of the root of Z.

    Source: Zhao et al., InfoVAE, arXiv:1706.02262, eq. 6, with the maximum mean discrepancy as the
    divergence of q(z) and p(z).
    """

    needs_several_images = True

    def __init__(
        self, *, alpha: float, mmd_weight: float, bandwidth: float, num_samples: int
    ) -> None:
        super().__init__(num_samples=num_samples)
        self.alpha, self.mmd_weight, self.bandwidth = alpha, mmd_weight, bandwidth

    @property
    def is_bound(self) -> bool:
        return self.alpha == 0 and self.mmd_weight == 1

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        terms = bound_terms(draws, prior)
        z = draws.z[0]  # draws for one image are not independent of one another
        prior_draws = prior.sample(len(z), draws.generator).to(z)
        distance = mmd(z, prior_draws, self.bandwidth * math.sqrt(z.shape[1]))
        # At alpha = 0 and mmd_weight = 1 both weights make it the ELBO.
        weight = self.alpha + self.mmd_weight - 1
        terms_loss = (1 - self.alpha) * terms.kl - terms.log_likelihood
        return terms_loss.mean() + weight * distance, terms


def mmd(a: Tensor, b: Tensor, bandwidth: float) -> Tensor:
    """Returns an unbiased estimate of the squared maximum mean discrepancy, a scalar.

    The kernel is exp(-|u - v|^2 / (2 bandwidth^2)); a and b, both (B, Z), are draws from the two
    distributions. Of a single draw there is no estimate: 0 is returned.

    Source: Gretton et al., A Kernel Two-Sample Test, 2012, eq. 3.
    """
    count = len(a)
    if count < 2:
        return a.new_zeros(())
    within = [_kernel(part, part, bandwidth).sum() - count for part in (a, b)]
    return sum(within) / (count * (count - 1)) - 2 * _kernel(a, b, bandwidth).mean()


def _kernel(a: Tensor, b: Tensor, bandwidth: float) -> Tensor:
    # Differences and not expanded squares: a distance of 0 stays 0, and has a gradient.
    distance = (a.unsqueeze(1) - b).square().sum(dim=2)
    return torch.exp(-distance / (2 * bandwidth**2))
