"""The total correlation of the aggregate posterior q(z), the mean of q(z|x) over the images.

Shapes: K samples per image, B images per batch, Z latent dimensions. Values in nats per image. q(z)
is estimated only from the batch, so the loss, never the logged terms, depends on its size.
"""

import torch
from torch import Tensor

from vae_lab.objectives.base import Draws, Terms, bound_terms
from vae_lab.objectives.elbo import Elbo
from vae_lab.posteriors import Posterior
from vae_lab.priors import Prior


class BetaTC(Elbo):
    """The negative ELBO with beta only on the total correlation, a part of the KL term.

    Source: Chen et al., Isolating Sources of Disentanglement, arXiv:1802.04942, eq. 4, with alpha =
    gamma = 1: what is left of the KL keeps its closed form, and beta - 1 times the total
    correlation is added.
    """

    needs_several_images = True
    # What q(z) is the mean over: the images of training, or the batch until they are known.
    num_images = 1

    def begin(self, num_images: int, batch_size: int) -> None:
        super().begin(num_images, batch_size)
        self.num_images = num_images

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        # The whole KL once, and the part of it that is penalised beta - 1 times more.
        terms = bound_terms(draws, prior)
        each = [total_correlation(draws.posterior, z, self.num_images) for z in draws.z]
        penalty = (self.beta - 1) * torch.stack(each).mean()
        return -terms.elbo().mean() + penalty, terms


def total_correlation(posterior: Posterior, z: Tensor, num_images: int) -> Tensor:
    """Returns an estimate of KL(q(z) || prod_j q(z_j)) in nats, a scalar.

    z (B, Z) holds a draw from each posterior; q(z) is the mean over `num_images` images.
    """
    # The draw for one image under the posterior of another, whole (B, B) and each dimension by
    # itself (B, B, Z): draw, image.
    draws = z.unsqueeze(1)
    log_q, of_each = posterior.log_prob(draws), posterior.marginals().log_prob_per_dimension(draws)
    # log q(z) and log prod_j q(z_j), each a weighted mean over the images of the batch.
    log_weights = stratified_weights(len(z), num_images).log().to(z)
    joint = (log_q + log_weights).logsumexp(dim=1)
    marginals = (of_each + log_weights.unsqueeze(2)).logsumexp(dim=1).sum(dim=1)
    return (joint - marginals).mean()


def stratified_weights(batch_size: int, num_images: int) -> Tensor:
    """Returns the weight of q(z_i|x_j) in the estimate of q(z_i), row i, column j, (B, B).

    The image that z_i was drawn for, on the diagonal, stands only for itself; the B - 1 others for
    all the rest, one of them by as much less as makes the rows sum to 1. So the estimate has the
    right mean (Chen et al., appendix C.2, "minibatch stratified sampling").
    """
    if batch_size == 1:
        return torch.ones(1, 1)
    others, total = batch_size - 1, max(num_images, batch_size)
    weights = torch.full((batch_size, batch_size), 1 / others)
    # The image itself, and the image that gives up what makes the row sum to 1.
    rows = torch.arange(batch_size)
    weights[rows, rows] = 1 / total
    weights[rows, (rows + 1) % batch_size] = (total - others) / (total * others)
    return weights
