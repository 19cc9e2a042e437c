"""The importance-weighted bound as an objective, with two estimators of its gradient.

Shapes: K samples per image, B images per batch, Z latent dimensions. Values in nats per image.
"""

import math

from torch import Tensor

from vae_lab.objectives.base import Draws, Objective, Terms
from vae_lab.priors import Prior


class Iwae(Objective):
    """Minus the bound log (1/K) sum_k w_k, with w_k = p(x, z_k) / q(z_k|x).

    The logged terms add up to that bound: they are those of the posterior that the weights make of
    the K draws (Cremer et al., Reinterpreting Importance-Weighted Autoencoders, arXiv:1704.02916):
    log p(x|z) averaged by the weights, and the rest as its KL.

    Source: Burda et al., Importance Weighted Autoencoders, arXiv:1509.00519, eq. 8 and 14. With
    `doubly_reparameterised`, the gradient of the encoder has squared weights in place of a term
    whose mean is 0 and whose noise drowns the signal as K grows: Tucker et al., Doubly
    Reparameterized Gradient Estimators, arXiv:1810.04152, eq. 8.
    """

    bound = "importance-weighted"

    def __init__(self, *, num_samples: int, doubly_reparameterised: bool) -> None:
        super().__init__(num_samples=num_samples)
        self.doubly_reparameterised = doubly_reparameterised

    @property
    def is_bound(self) -> bool:
        return True

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        posterior, noise, z, log_likelihood, _ = draws
        doubly = self.doubly_reparameterised and z.requires_grad
        log_q = posterior.log_prob_of_draw(noise)
        if doubly:
            # Encoder gradients through z only: the density's own parameters are taken as given. The
            # difference of z and itself is 0.
            slope = posterior.slope_of_draw(noise).detach()
            log_q = log_q.detach() + ((z - z.detach()) * slope).sum(dim=-1)
        log_weights = log_likelihood + prior.log_prob(z) - log_q  # (K, B)
        bound = log_weights.logsumexp(dim=0) - math.log(len(z))
        weights = log_weights.detach().softmax(dim=0)
        if doubly:
            # What arrives at z has been multiplied by the weight once.
            # torch types this method as nothing.
            z.register_hook(lambda gradient: gradient * weights.unsqueeze(-1))  # type: ignore[no-untyped-call]
        # The bound's terms: log p(x|z) by the weights, and what is left of the bound as its KL.
        expected = (weights * log_likelihood).sum(dim=0)
        return -bound.mean(), Terms(expected, expected - bound)
