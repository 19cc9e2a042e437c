"""What training minimises: the evidence lower bound (ELBO) and its two terms, in nats per image.

Shapes: K samples per image, B images per batch, Z latent dimensions. Only an objective's loss
averages over the batch, so beta, batch size and learning rate stay independent of one another.

Source: Kingma and Welling, Auto-Encoding Variational Bayes, arXiv:1312.6114, eq. 3 and 10.
"""

from typing import NamedTuple

from torch import Tensor

from vae_lab.posterior import Posterior
from vae_lab.priors import Prior


class Draws(NamedTuple):
    """K draws from the posterior of each image and what the decoder makes of them.

    `z` has shape (K, B, Z); `log_likelihood`, log p(x|z) in nats, has shape (K, B).
    """

    posterior: Posterior
    z: Tensor
    log_likelihood: Tensor


class Terms(NamedTuple):
    """The two terms of the bound for each image, both (B,), in nats."""

    log_likelihood: Tensor
    kl: Tensor

    def elbo(self) -> Tensor:
        """Returns the lower bound on log p(x), shape (B,). Beta never enters it."""
        return self.log_likelihood - self.kl


class Elbo:
    """The negative ELBO with the closed-form KL, its KL term weighted by beta.

    At beta = 1 the loss is minus the mean bound. Other values give the beta-VAE
    (Higgins et al. 2017); the logged bound stays the bound.
    """

    def __init__(self, *, beta: float, num_samples: int) -> None:
        self.beta, self.num_samples = beta, num_samples

    def at(self, progress: float) -> "Elbo":
        """Returns the objective of a training step, from the share of the steps done, in [0, 1].

        Validation and evaluation use the objective itself: what it is at the end.
        """
        return self

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        """Returns the scalar to minimise, in nats per image, and the unweighted terms."""
        terms = bound_terms(draws, prior)
        return (self.beta * terms.kl - terms.log_likelihood).mean(), terms


class WarmUpElbo(Elbo):
    """The same bound, with beta rising linearly from 0 in the first `warmup` of the steps.

    Source: Bowman et al., arXiv:1511.06349, section 3.1; Sonderby et al., arXiv:1602.02282.
    """

    def __init__(self, *, beta: float, num_samples: int, warmup: float) -> None:
        super().__init__(beta=beta, num_samples=num_samples)
        if not 0 < warmup <= 1:
            raise ValueError(f"objective.warmup must be above 0 and at most 1, got {warmup}.")
        self.warmup = warmup

    def at(self, progress: float) -> Elbo:
        share = min(1.0, progress / self.warmup)
        return Elbo(beta=self.beta * share, num_samples=self.num_samples)


def bound_terms(draws: Draws, prior: Prior) -> Terms:
    """Returns the bound's terms: the mean over K of log p(x|z), and KL(q(z|x) || p(z))."""
    return Terms(draws.log_likelihood.mean(dim=0), prior.kl(draws.posterior).sum(dim=1))
