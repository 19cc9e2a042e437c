"""Objectives on the aggregate posterior q(z), the mean of q(z|x) over the images.

Shapes: K samples per image, B images per batch, Z latent dimensions. Values in nats per image. Both
estimate q(z) from the batch alone, so their losses, never the logged terms, depend on its size.
"""

import math

import torch
from torch import Tensor

from vae_lab.errors import UserError
from vae_lab.objectives import Draws, Elbo, Objective, Terms, bound_terms
from vae_lab.posterior import Posterior
from vae_lab.priors import Prior
from vae_lab.seeds import stream


class BetaTC(Elbo):
    """The negative ELBO with beta on the total correlation alone, a part of the KL term.

    Source: Chen et al., Isolating Sources of Disentanglement, arXiv:1802.04942, eq. 4, with alpha =
    gamma = 1: what is left of the KL keeps its closed form, and beta - 1 times the total
    correlation is added.
    """

    # What q(z) is the mean over: the images of training, or the batch until they are known.
    num_images = 1

    def begin(self, num_images: int, batch_size: int) -> None:
        _check_batch(batch_size)
        self.num_images = num_images

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        terms = bound_terms(draws, prior)
        each = [total_correlation(draws.posterior, z, self.num_images) for z in draws.z]
        penalty = (self.beta - 1) * torch.stack(each).mean()
        return -terms.elbo().mean() + penalty, terms


def _check_batch(batch_size: int) -> None:
    if batch_size == 1:
        raise UserError(
            "objective=beta_tc and mmd estimate the aggregate posterior from the images that a "
            "process sees at once, which is 1: raise data.batch_size."
        )


def total_correlation(posterior: Posterior, z: Tensor, num_images: int) -> Tensor:
    """Returns an estimate of KL(q(z) || prod_j q(z_j)) in nats, a scalar.

    Args:
        posterior: of a batch of images, fields (B, Z).
        z: one draw from each, (B, Z).
        num_images: how many images q(z) is the mean over; at least the batch's.
    """
    mean, log_var = posterior
    standardised = (z.unsqueeze(1) - mean) * torch.exp(-0.5 * log_var)  # (B, B, Z): draw, image
    log_q = -0.5 * (standardised.square() + log_var + math.log(2 * math.pi))
    log_weights = stratified_weights(len(z), num_images).log().to(z)
    joint = (log_q.sum(dim=2) + log_weights).logsumexp(dim=1)
    marginals = (log_q + log_weights.unsqueeze(2)).logsumexp(dim=1).sum(dim=1)
    return (joint - marginals).mean()


def stratified_weights(batch_size: int, num_images: int) -> Tensor:
    """Returns the weight of q(z_i|x_j) in the estimate of q(z_i), row i, column j, (B, B).

    The image that z_i was drawn for, on the diagonal, stands for itself alone; the B - 1 others for
    all the rest, one of them by as much less as makes the rows sum to 1. So the estimate has the
    right mean (Chen et al., appendix C.2, "minibatch stratified sampling").
    """
    if batch_size == 1:
        return torch.ones(1, 1)
    others, total = batch_size - 1, max(num_images, batch_size)
    weights = torch.full((batch_size, batch_size), 1 / others)
    rows = torch.arange(batch_size)
    weights[rows, rows] = 1 / total
    weights[rows, (rows + 1) % batch_size] = (total - others) / (total * others)
    return weights


class Mmd(Objective):
    """InfoVAE: recon + (1 - alpha) * KL + (alpha + mmd_weight - 1) * MMD(q(z), p(z)).

    Source: Zhao et al., InfoVAE, arXiv:1706.02262, eq. 6, with the maximum mean discrepancy as the
    divergence of q(z) and p(z).
    """

    def __init__(
        self, *, alpha: float, mmd_weight: float, bandwidth: float, num_samples: int
    ) -> None:
        """Sets the weights.

        Args:
            alpha: takes from the weight of each image's KL; at 1 only the MMD is left.
            mmd_weight: lambda of the paper.
            bandwidth: the kernel's standard deviation, in units of the root of Z.
            num_samples: K.
        """
        super().__init__(num_samples=num_samples)
        self.alpha, self.mmd_weight, self.bandwidth = alpha, mmd_weight, bandwidth
        self._name = "end"

    def begin(self, num_images: int, batch_size: int) -> None:
        _check_batch(batch_size)

    def at(self, progress: float) -> "Mmd":
        found = Mmd(
            alpha=self.alpha,
            mmd_weight=self.mmd_weight,
            bandwidth=self.bandwidth,
            num_samples=self.num_samples,
        )
        # Other prior draws in every step, the same when a run is resumed; validation always has
        # the same ones.
        found._name = str(progress)
        return found

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        terms = bound_terms(draws, prior)
        z = draws.z[0]  # draws for one image are not independent of one another
        others = prior.sample(len(z), stream("mmd", self._name)).to(z)
        distance = mmd(z, others, self.bandwidth * math.sqrt(z.shape[1]))
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
