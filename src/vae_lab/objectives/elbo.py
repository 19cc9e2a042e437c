"""The evidence lower bound (ELBO) and its weighted relatives, in nats per image.

Shapes: K samples per image, B images per batch, Z latent dimensions.

Source: Kingma and Welling, Auto-Encoding Variational Bayes, arXiv:1312.6114, eq. 3 and 10.
"""

import logging
from copy import copy

import torch
from torch import Tensor

from vae_lab.objectives.base import Draws, Objective, Terms, bound_terms
from vae_lab.priors import Prior

log = logging.getLogger(__name__)


class Elbo(Objective):
    """The negative ELBO, its KL term weighted by beta.

    At beta = 1 the loss is minus the mean bound. Other values give the beta-VAE
    (Higgins et al. 2017); the logged bound stays the bound.
    """

    def __init__(self, *, beta: float, num_samples: int) -> None:
        super().__init__(num_samples=num_samples)
        self.beta = beta

    @property
    def is_bound(self) -> bool:
        return self.beta == 1

    @property
    def takes_terms(self) -> bool:
        # Not of a class that has a loss of its own.
        return type(self).__call__ is Elbo.__call__

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        # Beta weighs the loss only, never the terms: what is logged stays the bound.
        terms = bound_terms(draws, prior)
        return (self.beta * terms.kl - terms.log_likelihood).mean(), terms


class WarmUpElbo(Elbo):
    """The same bound, with beta rising linearly from 0 in the first `warmup` of the steps.

    Source: Bowman et al., arXiv:1511.06349, section 3.1; Sonderby et al., arXiv:1602.02282.
    """

    def __init__(self, *, beta: float, num_samples: int, warmup: float) -> None:
        super().__init__(beta=beta, num_samples=num_samples)
        self.warmup = warmup

    def at(self, progress: float) -> Elbo:
        share = min(1.0, progress / self.warmup)
        return Elbo(beta=self.beta * share, num_samples=self.num_samples)


class CyclicElbo(WarmUpElbo):
    """The same bound, with beta rising from 0 again and again: once in each of `cycles` parts.

    In each, it rises linearly in the first `warmup` of the part's steps and then stays.

    Source: Fu et al., Cyclical Annealing Schedule, arXiv:1903.10145, eq. 6 and 7.
    """

    def __init__(self, *, beta: float, num_samples: int, warmup: float, cycles: int) -> None:
        super().__init__(beta=beta, num_samples=num_samples, warmup=warmup)
        self.cycles = cycles

    def at(self, progress: float) -> Elbo:
        # The progress within the cycle; each begins at 0 again, and the last ends at 1.
        return super().at(progress * self.cycles % 1 if progress < 1 else 1.0)


class FreeBitsElbo(Elbo):
    """The ELBO in which a latent dimension's first `free_bits` nats cost nothing.

    What a dimension's mean KL over the batch (in evaluation: over the split) falls short of them is
    added back, so below them nothing pushes it towards the prior. If the prior has no KL per
    dimension, the shortfall is that of the KL from the aggregate posterior of each batch, and the
    log says so.

    Source: Kingma et al., Inverse Autoregressive Flow, arXiv:1606.04934, eq. 15.
    """

    def __init__(self, *, beta: float, num_samples: int, free_bits: float) -> None:
        super().__init__(beta=beta, num_samples=num_samples)
        self.free_bits = free_bits
        self._has_warned = False

    @property
    def is_bound(self) -> bool:
        return self.beta == 1 and self.free_bits == 0

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        means, terms = self.means(draws, prior)
        return self.loss(means), terms

    def means(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        elbo, terms = super().__call__(draws, prior)
        if not (prior.has_closed_kl or self._has_warned):
            self._has_warned = True
            log.warning(
                "this prior has no KL per latent dimension: free bits are counted in the KL from "
                "the aggregate posterior of each batch."
            )
        # The shortfall of each dimension's mean KL, not of each image's: an image may say less.
        of_dimension = prior.kl(draws.posterior).mean(dim=0)
        return torch.cat([elbo.unsqueeze(0), of_dimension]), terms

    def loss(self, means: Tensor) -> Tensor:
        return means[0] + self.beta * (self.free_bits - means[1:]).relu().sum()


class CapacityElbo(Elbo):
    """The reconstruction term, with the mean KL held at a target that rises to `capacity` nats.

    The loss is recon + beta * |KL - C|, C rising linearly from 0 in the first `warmup` of the
    steps, KL the mean over the batch (in evaluation: over the split).

    Source: Burgess et al., Understanding disentangling in beta-VAE, arXiv:1804.03599, eq. 8.
    """

    def __init__(self, *, beta: float, num_samples: int, capacity: float, warmup: float) -> None:
        super().__init__(beta=beta, num_samples=num_samples)
        self.capacity, self.warmup = capacity, warmup

    @property
    def is_bound(self) -> bool:
        return False

    def at(self, progress: float) -> "CapacityElbo":
        objective = copy(self)
        objective.capacity *= min(1.0, progress / self.warmup)
        return objective

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        means, terms = self.means(draws, prior)
        return self.loss(means), terms

    def means(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        terms = bound_terms(draws, prior)
        return torch.stack([terms.log_likelihood.mean(), terms.kl.mean()]), terms

    def loss(self, means: Tensor) -> Tensor:
        # The distance of the mean KL from its target, in both directions.
        log_likelihood, kl = means
        return self.beta * (kl - self.capacity).abs() - log_likelihood
